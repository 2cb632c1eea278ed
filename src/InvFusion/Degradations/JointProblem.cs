using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>
/// What an operator corrects by its measurement: the Gaussian of x₀ given x_t = x₀ + σ n alone, of mean m₀ and covariance P = (C⁻¹ + I/σ²)⁻¹. Given y as well its
/// mean is m = m₀ + P Hᵀu with (H P Hᵀ + σ_y²) u = y - H m₀.
/// </summary>
internal sealed class JointProblem
{
    /// <summary>C.</summary>
    public required CosinePrior Prior { get; init; }

    /// <summary>Diagonal of P in the basis of <see cref="Prior"/>, <c>[B or 1, 1, C, H, W]</c>.</summary>
    public required Tensor Variances { get; init; }

    /// <summary>Coefficients of m₀, <c>[B, 1, C, H, W]</c>.</summary>
    public required Tensor Mean { get; init; }

    /// <summary>y, <c>[B, 1, O]</c>, of the type of the others.</summary>
    public required Tensor Measurements { get; init; }

    /// <summary>σ_y, above 0, <c>[B or 1]</c>, of the type of the others.</summary>
    public required Tensor SigmaY { get; init; }

    /// <summary>When the solution is near enough.</summary>
    public required SolverLimits Limits { get; init; }

    /// <summary>Takes and keeps u for the next σ; null solves without.</summary>
    public LastValue? Start { get; init; }

    /// <summary>m₀, <c>[B, 1, C, H, W]</c>.</summary>
    public Tensor MeanImages() => Prior.Inverse(Mean);

    /// <summary>P x for images <c>[B, k, C, H, W]</c>.</summary>
    public Tensor Multiply(Tensor images) => Filter(images, Variances);

    /// <summary>A diagonal in the basis of the prior on images <c>[B, k, C, H, W]</c>.</summary>
    public Tensor Filter(Tensor images, Tensor diagonal)
    {
        using var scope = NewDisposeScope();
        return Prior.Inverse(Prior.Transform(images) * diagonal).MoveToOuterDisposeScope();
    }

    /// <summary>The coefficients of m₀ + P x for images x.</summary>
    public Tensor Corrected(Tensor images)
    {
        using var scope = NewDisposeScope();
        return (Mean + Variances * Prior.Transform(images)).MoveToOuterDisposeScope();
    }

    /// <summary>σ_y² for systems of any number of dimensions: <c>[B or 1, 1, …]</c>.</summary>
    public Tensor NoiseVariance(long dimensions, double gain = 1) =>
        (SigmaY * gain).square().reshape([-1, .. Enumerable.Repeat(1L, (int)dimensions - 1)]);

    /// <summary>u, by conjugate gradients from the solution of the last σ.</summary>
    /// <param name="apply">H P Hᵀ + σ_y².</param>
    /// <param name="residual">y - H m₀, <c>[B, 1, …]</c>.</param>
    /// <param name="precondition">A symmetric positive definite guess at the inverse, or null.</param>
    public Tensor Solve(Func<Tensor, Tensor> apply, Tensor residual, Func<Tensor, Tensor>? precondition)
    {
        using var scope = NewDisposeScope();
        var u = ConjugateGradients.Solve(apply, residual, Limits.Steps, precondition, Limits.Tolerance, Start?.Take(residual));
        Start?.Keep(u);
        return u.MoveToOuterDisposeScope();
    }

    /// <summary>The problem of some samples in a row, whose measurements may be shorter.</summary>
    public JointProblem Part(int first, int samples, int measurementLength) =>
        new()
        {
            Prior = Prior,
            Variances = Rows(Variances, first, samples),
            Mean = Rows(Mean, first, samples),
            Measurements = Rows(Measurements, first, samples).narrow(2, 0, measurementLength),
            SigmaY = Rows(SigmaY, first, samples),
            Limits = Limits,
            Start = Start?.Part(first),
        };

    private static Tensor Rows(Tensor all, int first, int samples) => all.shape[0] == 1 ? all : all.narrow(0, first, samples);
}

/// <summary>When conjugate gradients end.</summary>
/// <param name="Steps">After so many steps at the latest; the first evaluation of a trajectory, at the largest σ, needs the most.</param>
/// <param name="Tolerance">When the residual has fallen to this fraction of the right side, in the norm of the preconditioner.</param>
internal readonly record struct SolverLimits(int Steps, double Tolerance)
{
    /// <summary>Near enough for an input of a network: what is left is a few percent of what the estimate itself leaves.</summary>
    public static SolverLimits Default { get; } = new(60, 5e-3);

    /// <summary>A linear estimate in double: what is left is far below a grey level.</summary>
    public static SolverLimits Converged { get; } = new(400, 1e-6);

    /// <summary>To rounding.</summary>
    public static SolverLimits Exact { get; } = new(1500, 1e-8);
}
