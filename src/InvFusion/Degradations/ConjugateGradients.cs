using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Pseudo-inverses by conjugate gradients, for operators that have no cheaper way.</summary>
internal static class ConjugateGradients
{
    private const int MostSteps = 2000;
    private const double Tolerance = 1e-10;

    // Directions that H shrinks below this fraction of its norm are left alone: without that floor, rounding errors would be blown up without bound.
    private const double Floor = 1e-5;

    /// <summary>The minimum-norm least-squares solution x = (HᵀH + σ_y²)⁻¹Hᵀ y, each image with its own steps.</summary>
    /// <remarks>The operator must accept double precision. Not differentiable.</remarks>
    public static Tensor PseudoInverse(LinearOperator op, Tensor measurements, double sigmaY)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var y = measurements.detach().to_type(ScalarType.Float64);
        var damping = Math.Max(Math.Pow(sigmaY * op.NoiseGain, 2), Math.Pow(Floor, 2) * SquaredNorm(op, y));
        var x = Solve(v => op.Adjoint(op.Apply(v)) + v * damping, op.Adjoint(y), MostSteps);
        return x.to_type(measurements.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>A z = y for a symmetric positive definite A; the leading two dimensions count independent systems.</summary>
    /// <param name="apply">A.</param>
    /// <param name="y">The right side.</param>
    /// <param name="mostSteps">Steps after which it ends at the latest.</param>
    /// <param name="precondition">A symmetric positive definite guess at A⁻¹, or null for none.</param>
    /// <param name="tolerance">A system is solved when its residual has fallen to this fraction of the right side, in the norm of the preconditioner.</param>
    /// <param name="start">A vector near the solution but for its length, or null for zero.</param>
    public static Tensor Solve(
        Func<Tensor, Tensor> apply,
        Tensor y,
        int mostSteps,
        Func<Tensor, Tensor>? precondition = null,
        double tolerance = Tolerance,
        Tensor? start = null
    )
    {
        using var scope = NewDisposeScope();
        using var pause = CollectionPause.Begin();
        var (z, r) = (zeros_like(y), y.clone());
        var p = Guess(r).clone();
        var rho = Dot(r, p);
        var stop = rho * (tolerance * tolerance);
        if (start is not null)
        {
            var image = apply(start);
            var length = Quotient(Dot(start, y), Dot(start, image)); // the best multiple in the norm of A
            z.add_(length * start);
            r.sub_(length * image);
            p = Guess(r).clone();
            rho = Dot(r, p);
        }
        for (var step = 0; step < mostSteps && rho.gt(stop).any().item<bool>(); step++)
        {
            using var inner = NewDisposeScope();
            var q = apply(p);
            // A system that is solved stays where it is, whatever the others of the batch still need.
            var alpha = where(rho > stop, Quotient(rho, Dot(p, q)), zeros_like(rho));
            z.add_(alpha * p);
            r.sub_(alpha * q);
            var guess = Guess(r);
            var next = Dot(r, guess);
            p.mul_(Quotient(next, rho)).add_(guess);
            rho.copy_(next);
        }
        return z.MoveToOuterDisposeScope();

        Tensor Guess(Tensor residual) => precondition is null ? residual : precondition(residual);
    }

    /// <summary>‖H‖² over the batch by power iteration, from a fixed start.</summary>
    private static double SquaredNorm(LinearOperator op, Tensor like)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1, like.device);
        var v = randn([like.shape[0], 1, op.MeasurementLength], dtype: ScalarType.Float64, device: like.device, generator: generator);
        var norm = 0.0;
        for (var i = 0; i < 20; i++)
        {
            using var inner = NewDisposeScope();
            var w = op.Apply(op.Adjoint(v));
            norm = w.norm().item<double>() / Math.Max(v.norm().item<double>(), 1e-300);
            v.copy_(w / Math.Max(norm, 1e-300));
        }
        return norm;
    }

    /// <summary>The scalar product of each system, <c>[B, k, 1, …]</c>.</summary>
    public static Tensor Dot(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        var dims = Enumerable.Range(2, (int)a.dim() - 2).Select(d => (long)d).ToArray();
        return (a * b).sum(dims, keepdim: true).MoveToOuterDisposeScope();
    }

    private static Tensor Quotient(Tensor a, Tensor b) => where(b > 0, a / b, zeros_like(a));
}
