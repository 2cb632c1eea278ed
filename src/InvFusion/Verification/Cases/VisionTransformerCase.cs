using InvFusion.Metrics.Features;
using InvFusion.Modules;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>DINOv2: positions, tokens, class tokens of every block, features, and the whole way from pixels to features.</summary>
internal static class VisionTransformerCase
{
    private const int Rounding = 4; // by how many of the public network's own rounding errors its features may be missed

    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        var s = golden.Settings;
        int Setting(string name) => s.GetProperty(name).GetInt32();
        using var noGrad = no_grad();
        var shape = new VisionTransformerShape(Setting("embed_dim"), Setting("depth"), Setting("num_heads"));
        using var network = Parameters.WithoutInitialisation(() => new VisionTransformer(shape));
        ModuleWeights.LoadProcedural(network, golden.PathOf("weights_procedural.json"), cancellation);
        var parameters = network.parameters().Sum(p => p.numel());
        comparison.Check("number of parameters", parameters, s.GetProperty("parameters").GetInt64(), tolerance: 0);

        var x = ProceduralTensor.Create(
            "input/image",
            [2, 3, VisionTransformer.Side, VisionTransformer.Side],
            s.GetProperty("x_offset").GetDouble(),
            s.GetProperty("x_amplitude").GetDouble()
        );
        comparison.Check("sum of the input", x.to_type(ScalarType.Float64).sum().item<double>(), s.GetProperty("x_sum").GetDouble());
        Check("pos_embed_interpolated", network.Positions());
        var classTokens = new List<Tensor>();
        var tokens = network.Forward(
            x,
            (block, state) =>
            {
                cancellation.ThrowIfCancellationRequested();
                if (block == 0)
                    Check("tokens_in", state);
                else
                    classTokens.Add(state.narrow(1, 0, 1).clone().MoveToOuterDisposeScope());
                if (block == 1)
                    Check("tokens_block0", state);
            }
        );
        Check("cls_per_block", cat(classTokens, 1));
        Check("patchtokens", tokens.narrow(1, 1, tokens.shape[1] - 1));
        var tolerance =
            Rounding * s.GetProperty("features_float32_rounding_maxabs").GetDouble() / s.GetProperty("features_absmax").GetDouble();
        comparison.Check("features", tokens.select(1, 0), golden.Tensor("features"), tolerance);
        var input = VisionTransformerExtractor.Prepare(golden.Tensor("detector_image"));
        comparison.Check("detector_features", network.call(input), golden.Tensor("detector_features"));

        // Of the large network some tensors are there in their first channels alone.
        void Check(string name, Tensor ours)
        {
            if (golden.Has(name))
                comparison.Check(name, ours, golden.Tensor(name));
            else if (golden.Has($"{name}_c32"))
                comparison.Check($"{name}_c32", ours.narrow(-1, 0, 32), golden.Tensor($"{name}_c32"));
        }
    }
}
