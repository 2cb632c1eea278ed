using InvFusion.Metrics.Features;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>The resizing in front of DINOv2.</summary>
internal static class ResizeCase
{
    private const double Allowed = 5e-3; // on 0 to 255: torch rounds the centres of its filters to single precision

    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        foreach (var name in golden.TensorNames.Where(n => n.StartsWith("output_", StringComparison.Ordinal)))
        {
            var sides = name["output_".Length..].Split("_to_").Select(int.Parse).ToArray();
            var weights = SeparableResize.Antialiased(sides[0], sides[1], CPU);
            var expected = golden.Tensor(name);
            var ours = SeparableResize.Apply(golden.Tensor($"input_{sides[0]}").to_type(ScalarType.Float32), weights, weights);
            comparison.Check(name, ours, expected, Allowed / expected.abs().max().item<float>());
        }
    }
}
