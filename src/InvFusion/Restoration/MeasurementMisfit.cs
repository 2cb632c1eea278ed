using InvFusion.Degradations;
using InvFusion.Evaluation;
using static TorchSharp.torch;

namespace InvFusion.Restoration;

/// <summary>Whether any image explains a measurement: a wrong kernel or border, or a picture that was resized, leaves a residual that no noise of σ_y would.</summary>
public static class MeasurementMisfit
{
    /// <summary>From this many σ_y on, a measurement contradicts its operator; of measurements that do not, the residual is about 1 or less.</summary>
    public const double Contradiction = 3;

    /// <summary>The root mean square of y - Hx̂ over σ_y for the best linear estimate x̂ of one measurement.</summary>
    /// <param name="op">H, for one image.</param>
    /// <param name="measurement">y, <c>[1, 1, O]</c>.</param>
    /// <param name="sigmaY">σ_y, in units of the images; below that of 8 bits it counts as that.</param>
    public static double Of(LinearOperator op, Tensor measurement, double sigmaY)
    {
        ArgumentNullException.ThrowIfNull(op);
        ArgumentNullException.ThrowIfNull(measurement);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var noise = Math.Max(sigmaY, MeasurementNoise.Rounding);
        var exact = op.Exact;
        var estimate = exact.LinearEstimate(measurement, tensor([noise], dtype: ScalarType.Float64, device: measurement.device));
        return Consistency.RootMeanSquare(exact, estimate.squeeze(1), measurement)[0] / noise;
    }

    /// <summary>One line for a user where a measurement contradicts its operator, else null.</summary>
    /// <param name="measurement">What the line calls the measurement.</param>
    /// <param name="misfit">What <see cref="Of"/> gave.</param>
    /// <param name="degradation">The specification of H.</param>
    /// <param name="sigmaY">σ_y.</param>
    public static string? Warning(string measurement, double misfit, string degradation, double sigmaY) =>
        misfit < Contradiction
            ? null
            : FormattableString.Invariant(
                $"{measurement}: no image explains it as '{degradation}' (residual {misfit:0} times σ_y = {sigmaY:0.0000}); likely reasons: another kernel or blur width, another border (border=…), a picture that was resized, cropped or sharpened, or more noise than --noise says"
            );
}
