using InvFusion.Runtime;
using InvFusion.Training.Augmentation;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>The augmentation pipe: recorded draws, what they mean for the network, and the images with every step between.</summary>
internal static class AugmentationCases
{
    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        var s = golden.Settings;
        var images = golden.Tensor("images");
        var (probability, mirror) = (s.GetProperty("p").GetDouble(), s.GetProperty("xflip").GetDouble() * s.GetProperty("p").GetDouble());
        var transforms = Draws(golden, (int)images.shape[0])
            .Select(d => GeometricTransform.From(d, probability, Math.Min(mirror, 1)))
            .ToArray();
        comparison.Check("labels", stack(transforms.Select(t => tensor(t.Values()))), golden.Tensor("labels"));
        var steps = GeometricAugmentation.Warp(GeometricAugmentation.Mirror(images, transforms), transforms);
        var pad = s.GetProperty("pad_left_right_top_bottom").EnumerateArray().Select(n => n.GetInt32()).ToArray();
        comparison.Check("pad left", steps.Margin.Left, pad[0]);
        comparison.Check("pad right", steps.Margin.Right, pad[1]);
        comparison.Check("pad top", steps.Margin.Top, pad[2]);
        comparison.Check("pad bottom", steps.Margin.Bottom, pad[3]);
        comparison.Check("theta", steps.Theta, golden.Tensor("theta"));
        if (golden.Has("grid_in"))
        {
            comparison.Check("grid_in", steps.Doubled.narrow(0, 0, 2), golden.Tensor("grid_in"));
            comparison.Check("grid_out", steps.Sampled.narrow(0, 0, 2), golden.Tensor("grid_out"));
        }
        comparison.Check("out", steps.Result, golden.Tensor("out"));
    }

    // The numbers of each sample, in call order; draw 12 has two rows.
    private static IEnumerable<double[]> Draws(GoldenCase golden, int batch)
    {
        var rows = Enumerable
            .Range(0, golden.Settings.GetProperty("draw_kinds").GetArrayLength())
            .SelectMany(i => golden.Tensor($"draw_{i:D2}").view(-1, batch).unbind(0))
            .Select(row => TensorMemory.Numbers<float>(row))
            .ToArray();
        return Enumerable.Range(0, batch).Select(b => rows.Select(row => (double)row[b]).ToArray());
    }
}
