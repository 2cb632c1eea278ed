using InvFusion.Metrics.Features;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>The Inception network of the Fréchet distance: both forms of its input, every stage, features and scores.</summary>
internal static class InceptionCase
{
    private const int Rounding = 4; // by how many of the public network's own rounding errors its features may be missed
    private static readonly long[] Rows = [0, 1, 2, 149, 150, 298];

    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        using var network = new InceptionNetwork();
        ModuleWeights.LoadProcedural(network, golden.PathOf("weights_procedural.json"), cancellation);
        var parameters = network.parameters().Sum(p => p.numel());
        comparison.Check("number of parameters", parameters, golden.Settings.GetProperty("parameters").GetInt64(), tolerance: 0);
        var tolerance =
            Rounding
            * golden.Settings.GetProperty("features_float32_rounding_maxabs").GetDouble()
            / golden.Settings.GetProperty("features_absmax").GetDouble();
        foreach (var set in new[] { "a", "b" })
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var images = golden.Tensor($"image_{set}");
            var input = InceptionInputs.Prepare(images, InceptionInput.PyTorch);
            CheckRows(golden, comparison, $"resized_rows_{set}", input);
            var features = network.Forward(input, (name, maps) => CheckStage(golden, comparison, set, name, maps));
            comparison.Check($"features_{set}", features, golden.Tensor($"features_{set}"), tolerance);
            comparison.Check($"logits_{set}", network.Logits(features, bias: true), golden.Tensor($"logits_{set}"));

            input = InceptionInputs.Prepare(images, InceptionInput.TensorFlow);
            CheckRows(golden, comparison, $"resized_rows_tf1_{set}", input);
            features = network.call(input);
            comparison.Check($"features_tf1_{set}", features, golden.Tensor($"features_tf1_{set}"), tolerance);
            var scores = network.Logits(features, bias: false);
            comparison.Check($"logits_unbiased_tf1_{set}", scores, golden.Tensor($"logits_unbiased_tf1_{set}"));
        }
    }

    private static void CheckRows(GoldenCase golden, Comparison comparison, string name, Tensor input) =>
        comparison.Check(name, input.narrow(0, 0, 1).index_select(2, tensor(Rows)), golden.Tensor(name));

    private static void CheckStage(GoldenCase golden, Comparison comparison, string set, string name, Tensor maps)
    {
        using var scope = NewDisposeScope();
        Check($"stage_{name}", maps.mean([2, 3]));
        switch (name)
        {
            case "pool1":
                Check("block_mean_64", maps.mean([2, 3]));
                Check("block0_crop", Every(Every(maps.narrow(0, 0, 1).narrow(1, 0, 8), 2, 12), 3, 12));
                break;
            case "pool2":
                Check("block_mean_192", maps.mean([2, 3]));
                break;
            case "Mixed_6e":
                Check("block_mean_768", maps.mean([2, 3]));
                Check("block2_crop", Every(Every(Every(maps.narrow(0, 0, 1), 1, 24), 2, 4), 3, 4));
                break;
        }

        void Check(string what, Tensor ours)
        {
            if (golden.Has($"{what}_{set}"))
                comparison.Check($"{what}_{set}", ours, golden.Tensor($"{what}_{set}"));
        }
    }

    // Every so many of a dimension, from the first on.
    private static Tensor Every(Tensor x, int dimension, int step) => x.index_select(dimension, arange(0, x.shape[dimension], step));
}
