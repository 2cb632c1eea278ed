using System.Text.Json;
using InvFusion.Formats.Safetensors;
using InvFusion.Models;
using InvFusion.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace InvFusion.Verification;

/// <summary>Builds the network that a case was made with, from the settings and weights of the case or of the one it shares them with.</summary>
internal static class GoldenNetwork
{
    private const string WeightsFile = "weights.safetensors";
    private const string FormulaFile = "weights_procedural.json";

    /// <summary>The network as a model file is loaded, for evaluation: its weights ask for no gradients. Their number is compared too.</summary>
    public static PreconditionedNetwork Load(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        var source = Source(golden);
        return Parameters.Loaded(
            () => NetworkFile.Build(Configuration(source.Settings)),
            network =>
            {
                using var scope = NewDisposeScope();
                if (source.HasFile(FormulaFile))
                    ModuleWeights.LoadProcedural(network, source.PathOf(FormulaFile), cancellation);
                else
                    CopyWeights(network, source.PathOf(WeightsFile));
                var count = network.parameters().Sum(p => p.numel());
                comparison.Check("number of parameters", count, source.Settings.GetProperty("parameters").GetInt64(), tolerance: 0);
                network.to(golden.Device);
            }
        );
    }

    /// <summary>The same for who asks for the gradients of its weights, or changes them.</summary>
    public static PreconditionedNetwork LoadForTraining(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        var network = Load(golden, comparison, cancellation);
        AskForGradients(network);
        return network;
    }

    /// <summary>From here on the weights of a loaded network take part in graphs.</summary>
    public static void AskForGradients(PreconditionedNetwork network)
    {
        foreach (var parameter in network.parameters())
            parameter.requires_grad = true;
    }

    private static void CopyWeights(PreconditionedNetwork network, string path)
    {
        using var file = SafetensorsFile.Open(path);
        NetworkFile.CopyInto(network, file, path);
    }

    /// <summary>One-hot labels (all zero: no class) as class numbers, the number of classes standing for none.</summary>
    public static Tensor ClassNumbers(Tensor oneHot)
    {
        using var scope = NewDisposeScope();
        var none = oneHot.sum(-1).eq(0);
        return where(none, oneHot.shape[^1], oneHot.argmax(-1)).to(int64).MoveToOuterDisposeScope();
    }

    // The case whose settings describe the network: itself, the folder of the weights it names, or the folder above it.
    private static GoldenCase Source(GoldenCase golden)
    {
        if (golden.HasSetting("hyperparams"))
            return golden;
        var folder = golden.HasSetting("weights") ? Path.GetDirectoryName(golden.Settings.GetProperty("weights").GetString())! : "..";
        return golden.Other(folder);
    }

    // The public names of the settings → this library's configuration.
    private static NetworkConfiguration Configuration(JsonElement s)
    {
        var h = s.GetProperty("hyperparams");
        int[] depths = Integers(h.GetProperty("depths")),
            widths = Integers(h.GetProperty("widths")),
            hidden = Integers(h.GetProperty("d_ffs"));
        return new NetworkConfiguration
        {
            Kind =
                s.GetProperty("joint").GetBoolean() ? NetworkKind.InvFusion
                : s.GetProperty("in_mult").GetInt32() == 2 ? NetworkKind.Blind
                : NetworkKind.Unconditional,
            Channels = s.GetProperty("img_channels").GetInt32(),
            Resolution = s.GetProperty("img_resolution").GetInt32(),
            Patch = Integers(h.GetProperty("patch_size"))[0],
            Levels = [.. widths.Select((width, i) => Level(h, i, width, depths[i], hidden[i]))],
            MappingWidth = h.GetProperty("mapping_width").GetInt32(),
            MappingDepth = h.GetProperty("mapping_depth").GetInt32(),
            MappingHiddenWidth = h.GetProperty("mapping_d_ff").GetInt32(),
            Classes = s.GetProperty("label_dim").GetInt32(),
            Directions = s.GetProperty("out_mult").GetInt32() - 1,
            SigmaData = s.GetProperty("sigma_data").GetDouble(),
            Dropout = 0,
        };
    }

    private static LevelConfiguration Level(JsonElement hyperparameters, int index, int width, int depth, int hidden)
    {
        var attention = hyperparameters.GetProperty("self_attns")[index];
        return new LevelConfiguration
        {
            Width = width,
            Depth = depth,
            Kernel = attention.GetProperty("type").GetString() == "neighborhood" ? attention.GetProperty("kernel_size").GetInt32() : 0,
            HeadWidth = attention.GetProperty("d_head").GetInt32(),
            HiddenWidth = hidden,
            Joint = hyperparameters.GetProperty("joint")[index].GetBoolean(),
        };
    }

    private static int[] Integers(JsonElement array) => [.. array.EnumerateArray().Select(n => n.GetInt32())];
}
