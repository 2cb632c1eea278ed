using InvFusion.Degradations;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Evaluation;

/// <summary>How well images agree with what was measured.</summary>
public static class Consistency
{
    /// <summary>
    /// Root mean square of y - H x over the numbers that the operator measures, in units of images, for each sample of <c>[B, C, H, W]</c>: the square root of the
    /// residual's energy over that of unit noise. The true image has σ_y; where nothing is measured it is 0.
    /// </summary>
    /// <param name="op">H, of batch size 1 or B.</param>
    /// <param name="images"><c>[B, C, H, W]</c>.</param>
    /// <param name="measurements">y, <c>[B or 1, 1, O]</c>.</param>
    public static double[] RootMeanSquare(LinearOperator op, Tensor images, Tensor measurements)
    {
        using var scope = NewDisposeScope();
        var residual = (measurements - op.Apply(images.unsqueeze(1))).to_type(ScalarType.Float64); // [B, 1, O]
        var noise = op.NoiseVariance(images.device);
        var energy = where(noise > 0, residual.square(), zeros_like(residual)).sum([1, 2]);
        return [.. TensorMemory.Numbers<double>((energy / noise.sum([1, 2]).clamp_min(1e-300)).sqrt().cpu())];
    }

    /// <summary>Σ(y - H x)² of each sample.</summary>
    /// <param name="measurements">y, <c>[B, k, O]</c>.</param>
    /// <param name="measured">H x, of the same shape.</param>
    public static double[] SumOfSquares(Tensor measurements, Tensor measured)
    {
        using var scope = NewDisposeScope();
        return Numbers(Residual(measurements, measured).square().sum([1, 2]));
    }

    /// <summary>10·log10(mean over k of (max yₖ - min yₖ)² / MSE(y, H x)) of each sample, in dB.</summary>
    /// <inheritdoc cref="SumOfSquares"/>
    public static double[] Psnr(Tensor measurements, Tensor measured)
    {
        using var scope = NewDisposeScope();
        var y = measurements.to_type(ScalarType.Float64);
        var peak = (y.amax(2) - y.amin(2)).square().mean([1]);
        return Numbers(10 * (peak / Residual(measurements, measured).square().mean([1, 2])).log10());
    }

    private static Tensor Residual(Tensor measurements, Tensor measured) => (measurements - measured).to_type(ScalarType.Float64);

    private static double[] Numbers(Tensor values) => TensorMemory.Numbers<double>(values.cpu());
}
