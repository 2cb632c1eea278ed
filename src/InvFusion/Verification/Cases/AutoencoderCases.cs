using System.Text.Json;
using InvFusion.Autoencoding;
using InvFusion.Modules;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>The KL autoencoder: its moments, what it decodes, and the output of some modules inside.</summary>
internal static class AutoencoderCases
{
    // Rounding errors of the vectors' own by which a result may be missed.
    private const double RoundingFactor = 10;

    private static readonly Dictionary<string, string> Inside = new()
    {
        ["enc_conv_in"] = "encoder.conv_in",
        ["enc_down0_resnet1"] = "encoder.down_blocks.0.resnets.1",
        ["enc_down0_downsample"] = "encoder.down_blocks.0.downsamplers.0",
        ["enc_mid_resnet0"] = "encoder.mid_block.resnets.0",
        ["enc_mid_attention"] = "encoder.mid_block.attentions.0",
        ["enc_conv_out"] = "encoder.conv_out",
        ["moments"] = "quant_conv",
        ["dec_mid"] = "decoder.mid_block",
        ["dec_up0_upsample"] = "decoder.up_blocks.0.upsamplers.0",
    };

    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        using var network = Parameters.WithoutInitialisation(() => new KlAutoencoder(Configuration(golden.Settings)));
        ModuleWeights.LoadProcedural(network, golden.PathOf("weights_procedural.json"), cancellation);
        comparison.Check(
            "number of parameters",
            network.parameters().Sum(p => p.numel()),
            golden.Settings.GetProperty("parameters").GetInt64(),
            tolerance: 0
        );
        CheckNames(golden, comparison);
        using var noGrad = no_grad();
        var seen = Watch(network, golden);
        var image = golden.Tensor("image");
        comparison.Check("image", ProceduralTensor.Create("input/image", image.shape, 0, 1), image, tolerance: 0);
        using var moments = network.Encode(image);
        var mean = golden.Tensor("mean");
        comparison.Check("mean", moments.Mean, mean, Tolerance(golden, "mean"));
        comparison.Check("std", moments.Std, golden.Tensor("std"), Tolerance(golden, "std"));
        comparison.Check("decoded", network.Decode(mean), golden.Tensor("decoded"), Tolerance(golden, "decoded"));
        foreach (var (name, ours) in seen)
            using (ours)
                comparison.Check(name, ours, golden.Tensor(name));
        CheckClamps(golden, comparison);
    }

    // Copies the output of every module of which the case has one; the copies outlive the scopes of the passes.
    private static Dictionary<string, Tensor> Watch(KlAutoencoder network, GoldenCase golden)
    {
        var modules = network.named_modules().ToDictionary(m => m.name, m => m.module);
        var seen = new Dictionary<string, Tensor>();
        foreach (var (name, module) in Inside.Where(i => golden.Has(i.Key)))
            ((nn.Module<Tensor, Tensor>)modules[module]).register_forward_hook(
                (_, _, output) =>
                {
                    seen[name] = output.clone().DetachFromDisposeScope();
                    return output;
                }
            );
        return seen;
    }

    // The mean's half of the vectors is of no account here: both cuts act on the other.
    private static void CheckClamps(GoldenCase golden, Comparison comparison)
    {
        var halves = golden.Tensor("moments").chunk(2, 1);
        using var moments = LatentMoments.FromLogVariance(cat([halves[0], halves[1] * 60], 1));
        comparison.Check("std_of_logvar_times_60", moments.Std, golden.Tensor("std_of_logvar_times_60"));
    }

    private static void CheckNames(GoldenCase golden, Comparison comparison)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(golden.PathOf("names_compvis.json")));
        var names = document.RootElement.EnumerateObject().ToDictionary(p => p.Value.GetString()!, p => p.Name);
        var levels = AutoencoderNames.Levels(names.Keys);
        var agree = names.Count(n =>
            AutoencoderNames.ToOwn(n.Key, levels) == n.Value && AutoencoderNames.ToOwn(n.Value, levels) == n.Value
        );
        comparison.Check("names of CompVis", agree, names.Count, tolerance: 0);
    }

    private static double Tolerance(GoldenCase golden, string name)
    {
        var numbers = golden.Settings.GetProperty("float32_rounding_maxabs_and_sizes");
        return RoundingFactor * numbers.GetProperty(name).GetDouble() / numbers.GetProperty($"{name}_absmax").GetDouble();
    }

    private static AutoencoderConfiguration Configuration(JsonElement s) =>
        new()
        {
            Widths = [.. s.GetProperty("block_out_channels").EnumerateArray().Select(n => n.GetInt32())],
            Blocks = s.GetProperty("layers_per_block").GetInt32(),
            Groups = s.GetProperty("norm_num_groups").GetInt32(),
            Channels = s.GetProperty("in_channels").GetInt32(),
            LatentChannels = s.GetProperty("latent_channels").GetInt32(),
        };
}
