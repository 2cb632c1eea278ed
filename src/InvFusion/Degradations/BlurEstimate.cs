using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>The linear estimate of a blur all of whose pixels are measured: (GᵀG + σ_y²C⁻¹) x = Gᵀy in cosine coefficients, in which C is diagonal and GᵀG nearly so.</summary>
internal static class BlurEstimate
{
    /// <summary>x, <c>[B, 1, C, H, W]</c>.</summary>
    /// <param name="prior">C.</param>
    /// <param name="blur">G.</param>
    /// <param name="adjoint">Gᵀ.</param>
    /// <param name="y">What was measured, in pixels.</param>
    /// <param name="power">The diagonal of GᵀG for the frequencies of a doubled canvas, <c>[B, 1, c, 2H, W+1]</c>.</param>
    /// <param name="sigmaY">σ_y, <c>[B]</c> or <c>[1]</c>.</param>
    public static Tensor OnImages(
        CosinePrior prior,
        Func<Tensor, Tensor> blur,
        Func<Tensor, Tensor> adjoint,
        Tensor y,
        Tensor power,
        Tensor sigmaY
    )
    {
        var mean = power.mean([2], keepdim: true);
        // Cosine k has k cycles over the canvas, in both directions.
        var energy = (mean + mean.flip(3).roll(1, 3)).narrow(3, 0, prior.Image.Height).narrow(4, 0, prior.Image.Width) / 2;
        var inverse = sigmaY.square().view(-1, 1, 1, 1, 1) / prior.Variances;
        var strong = energy + inverse;
        var x = ConjugateGradients.Solve(
            c => prior.Transform(adjoint(blur(prior.Inverse(c)))) + c * inverse,
            prior.Transform(adjoint(y)),
            SolverLimits.Converged.Steps,
            r => r / strong,
            SolverLimits.Converged.Tolerance
        );
        return prior.Inverse(x);
    }
}
