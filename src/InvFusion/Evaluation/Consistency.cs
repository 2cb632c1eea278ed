using InvFusion.Degradations;
using static TorchSharp.torch;

namespace InvFusion.Evaluation;

/// <summary>How well images agree with what was measured.</summary>
public static class Consistency
{
    /// <summary>Root mean square of y - H x over the entries that the operator measures, in units of images, for each sample of <c>[B, C, H, W]</c>.</summary>
    /// <remarks>Entries that are zero whatever the image (unobserved pixels, unused rows) carry no weight.</remarks>
    /// <param name="op">H, of batch size 1 or B.</param>
    /// <param name="images"><c>[B, C, H, W]</c>.</param>
    /// <param name="measurements">y, <c>[B or 1, 1, O]</c>.</param>
    public static double[] RootMeanSquare(LinearOperator op, Tensor images, Tensor measurements)
    {
        using var scope = NewDisposeScope();
        var residual = measurements - op.Apply(images.unsqueeze(1)); // [B, 1, O]
        var measured = op.Apply(rand_like(images).unsqueeze(1) + 1).abs().gt(1e-9).sum([1, 2]).clamp_min(1);
        var mean = residual.to_type(ScalarType.Float64).square().sum([1, 2]) / measured;
        return [.. (mean.sqrt() / op.NoiseGain).cpu().data<double>()];
    }
}
