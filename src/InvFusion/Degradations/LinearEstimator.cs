using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>
/// The best linear estimate of a picture from its measurement: x = C Hᵀ u with (H C Hᵀ + σ_y²) u = y, the mean of the posterior under <see cref="PicturePrior"/>
/// (Wiener's filter, for any H). Where H⁺y leaves zero what was not measured, this fills it in as smoothly as pictures are.
/// </summary>
internal static class LinearEstimator
{
    // Of the operator's scale: without it rounding errors of what H has removed would be blown up.
    private const double Floor = 1e-6;

    /// <summary>The estimate <c>[B, k, C, H, W]</c> by preconditioned conjugate gradients, in the type of the measurements (at least float32).</summary>
    /// <param name="forward">H, on images of the prior.</param>
    /// <param name="adjoint">Hᵀ.</param>
    /// <param name="prior">C.</param>
    /// <param name="y">Measurements, <c>[B, k, …]</c>.</param>
    /// <param name="sigmaY">Standard deviation of the noise in one number of y, <c>[B]</c> or <c>[1]</c>.</param>
    /// <param name="steps">Steps at most.</param>
    /// <param name="precondition">A symmetric positive guess at (H C Hᵀ)⁻¹, or null for none.</param>
    public static Tensor Solve(
        Func<Tensor, Tensor> forward,
        Func<Tensor, Tensor> adjoint,
        PicturePrior prior,
        Tensor y,
        Tensor sigmaY,
        int steps,
        Func<Tensor, Tensor>? precondition
    )
    {
        using var scope = NewDisposeScope();
        Tensor Covariance(Tensor v) => forward(prior.Multiply(adjoint(v)));
        Tensor Norm(Tensor v) => ConjugateGradients.Dot(v, v).sqrt();
        // ‖H C Hᵀ y‖/‖y‖ of each measurement alone: an image must not depend on those beside it.
        var scale = Norm(Covariance(y)) / Norm(y).clamp_min(1e-30);
        var variance = sigmaY.square().reshape([-1, .. Enumerable.Repeat(1L, (int)y.dim() - 1)]);
        var damping = scale * Floor + variance + 1e-30;
        var u = ConjugateGradients.Solve(v => Covariance(v) + v * damping, y, steps, precondition);
        return prior.Multiply(adjoint(u)).MoveToOuterDisposeScope();
    }
}
