using InvFusion.Degradations;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Restoration;

/// <summary>
/// Moves images onto those that agree with a measurement without noise: x + H⁺(y - Hx). The true image agrees with it too, so this never moves an image away from
/// the truth; the posterior mean and every posterior sample are such images.
/// </summary>
public static class MeasurementProjection
{
    // The errors that an image is expected to have along a direction; with them, rounding counts like noise in a Kalman step.
    private const double ExpectedError = 0.1;

    /// <summary>Projects images, with the H⁺ that is exact on images.</summary>
    /// <param name="op">H.</param>
    /// <param name="images">x, <c>[B, C, H, W]</c>; images that are not finite stay as they are.</param>
    /// <param name="measurements">y, <c>[B or 1, 1, O]</c>, in which there must be no noise: it would come back whole, or blown up.</param>
    /// <param name="rounded">
    /// Whether y comes from a picture of 8 bits: H⁺ is then damped, or it would blow up the rounding of what blur has shrunk.
    /// </param>
    /// <returns><c>[B, C, H, W]</c>.</returns>
    public static Tensor Apply(LinearOperator op, Tensor images, Tensor measurements, bool rounded = false)
    {
        using var turn = TorchTurn.Take();
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var exact = op.Exact;
        var residual = measurements - exact.Apply(images.unsqueeze(1));
        // One broken sample must not stop the others: conjugate gradients end when all are done.
        var finite = images.flatten(1).isfinite().all(1);
        residual = where(finite.view(-1, 1, 1), residual, zeros_like(residual));
        return (
            images + exact.PseudoInverse(residual, rounded ? MeasurementNoise.Rounding / ExpectedError : 0).squeeze(1)
        ).MoveToOuterDisposeScope();
    }
}
