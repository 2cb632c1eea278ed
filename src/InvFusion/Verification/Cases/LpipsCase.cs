using InvFusion.Metrics.Features;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>LPIPS: activations of every slice, distances of every layer and in all.</summary>
internal static class LpipsCase
{
    // The public network's own rounding error is below the step of single precision at 1, so a few of it are allowed.
    private const int Rounding = 16;
    private const string Constants = "scaling_layer.";

    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        var layout = golden.Settings.GetProperty("net").GetString() == "alex" ? LpipsLayout.Alex : LpipsLayout.Vgg;
        using var network = new LpipsNetwork(layout);
        var path = golden.PathOf("weights_procedural.json");
        ModuleWeights.LoadProcedural(network, path, cancellation, name => name.StartsWith(Constants, StringComparison.Ordinal));
        var parameters = network.parameters().Sum(p => p.numel());
        comparison.Check("number of parameters", parameters, golden.Settings.GetProperty("parameters").GetInt64(), tolerance: 0);
        foreach (var set in new[] { "a", "b" })
        {
            Tensor first = golden.Tensor($"x0_{set}"),
                second = golden.Tensor($"x1_{set}");
            foreach (var (i, maps) in network.Activations(first).Index())
            {
                comparison.Check($"feature_mean_{i}_{set}", maps.mean([2, 3]), golden.Tensor($"feature_mean_{i}_{set}"));
                var expected = golden.Tensor($"feature_crop_{i}_{set}");
                var crop = maps.narrow(0, 0, 1).narrow(1, 0, 4).narrow(2, 0, expected.shape[2]).narrow(3, 0, expected.shape[3]);
                comparison.Check($"feature_crop_{i}_{set}", crop, expected);
            }
            comparison.Check($"distance_per_layer_{set}", network.PerLayer(first, second), golden.Tensor($"distance_per_layer_{set}"));
            var distance = golden.Tensor($"distance_{set}");
            var tolerance =
                Rounding * golden.Settings.GetProperty("distance_float32_rounding_maxabs").GetDouble() / distance.abs().max().item<float>();
            comparison.Check($"distance_{set}", network.call(first, second), distance, tolerance);
        }
    }
}
