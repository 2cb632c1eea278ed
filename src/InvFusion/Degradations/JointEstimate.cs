using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>
/// The best linear estimate of x₀ from x_t = x₀ + σ n and y = H x₀ + σ_y n together, its mean under <see cref="CosinePrior"/>: where the exact posterior of EPS
/// (arXiv 2606.17048) has no prior, this has that of images. It tends to x_t as σ → 0, to the linear estimate of y alone as σ → ∞, and without y it is Wiener's filter.
/// </summary>
internal static class JointEstimate
{
    /// <summary>Below this a measurement counts as noisy all the same, in units of the images: rounding errors of what H has removed would be blown up.</summary>
    public const double NoiseFloor = 1e-3;

    /// <summary>The estimate <c>[B, C, H, W]</c>, differentiable in x.</summary>
    /// <param name="prior">C; its type is the one that is computed in.</param>
    /// <param name="x">x_t, <c>[B, C, H, W]</c>.</param>
    /// <param name="sigma">σ, <c>[B]</c> or <c>[1]</c>.</param>
    /// <param name="op">H, or null where nothing is measured.</param>
    /// <param name="measurements">y, <c>[B, 1, O]</c>, or null.</param>
    /// <param name="sigmaY">σ_y, <c>[B]</c> or <c>[1]</c>, in units of the images; null is 0.</param>
    /// <param name="start">Takes and keeps what the solution for the next σ starts from; null starts from nothing.</param>
    /// <param name="limits">How far conjugate gradients go; null is <see cref="SolverLimits.Default"/>.</param>
    public static Tensor Compute(
        CosinePrior prior,
        Tensor x,
        Tensor sigma,
        LinearOperator? op = null,
        Tensor? measurements = null,
        Tensor? sigmaY = null,
        LastValue? start = null,
        SolverLimits? limits = null
    )
    {
        using var scope = NewDisposeScope();
        var known =
            op is null or NoDegradation || measurements is null
                ? null
                : new Measured(op, measurements, sigmaY, start, limits ?? SolverLimits.Default);
        if (known is null || !(is_grad_enabled() && x.requires_grad))
            return Correct(prior, x, sigma, known, wiener: true).MoveToOuterDisposeScope();
        return JointEstimateFunction.Apply(prior, x, sigma, known).MoveToOuterDisposeScope();
    }

    /// <summary>The estimate, or with wiener false the same with x in place of x/σ²: J x σ² for y = 0, J being symmetric but for the order of its factors.</summary>
    internal static Tensor Correct(CosinePrior prior, Tensor x, Tensor sigma, Measured? known, bool wiener)
    {
        using var scope = NewDisposeScope();
        var type = prior.Variances.dtype;
        var noise = sigma.detach().to_type(type).square().view(-1, 1, 1, 1, 1);
        var gain = prior.Variances / (prior.Variances + noise); // P/σ², [B or 1, 1, C, H, W]
        var variances = gain * noise;
        var mean = prior.Transform(x.to_type(type).unsqueeze(1)) * (wiener ? gain : variances);
        if (known is { } k)
        {
            using var noGrad = no_grad();
            var sigmaY = (k.SigmaY ?? zeros([1], device: x.device)).detach().to_type(type).clamp_min(NoiseFloor);
            mean = k.Operator.JointCorrection(
                new()
                {
                    Prior = prior,
                    Variances = variances,
                    Mean = mean,
                    Measurements = k.Measurements.to_type(type),
                    SigmaY = sigmaY,
                    Start = k.Start,
                    Limits = k.Limits,
                }
            );
        }
        return prior.Inverse(mean).squeeze(1).to_type(x.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>A measurement.</summary>
    internal sealed record Measured(LinearOperator Operator, Tensor Measurements, Tensor? SigmaY, LastValue? Start, SolverLimits Limits);
}
