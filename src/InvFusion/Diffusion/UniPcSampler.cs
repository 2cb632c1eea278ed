using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>
/// UniPC (Zhao et al., "UniPC: a unified predictor-corrector framework for fast sampling of diffusion models"), predicting x₀ with B₂(h): the evaluation at the end
/// of a step first corrects that step and then predicts the next one. Of rising order in the first steps, and of falling order in the last.
/// </summary>
/// <remarks>
/// With λ = -ln σ and h = λ' - λ the ODE has the solution x' = e^{-h} x + ∫₀ʰ e^{-(h-u)} D(λ + u) du. A step is (1 - e^{-h})·D for the value of D at its beginning and
/// <see cref="UniPcWeights"/> for its derivatives, from D at other points. As the first part is common to predictor and corrector, the corrector adds the difference
/// of the second: x before the step need not be kept.
/// </remarks>
public sealed class UniPcSampler : MultistepSampler
{
    private const int HighestOrder = 3;

    /// <summary>Creates the sampler.</summary>
    /// <exception cref="ConfigurationException">An option is out of range.</exception>
    public UniPcSampler(MultistepOptions? options = null)
        : base("unipc", options ?? Defaults, memory: HighestOrder, HighestOrder) { }

    /// <summary>12 steps of order 3, uniform in ln σ.</summary>
    public static MultistepOptions Defaults { get; } =
        new()
        {
            Steps = 12,
            Order = HighestOrder,
            Schedule = new() { Rho = double.PositiveInfinity },
        };

    private protected override Tensor Step(SamplingRun run, StepHistory history, Tensor x, Tensor denoised, double sigma, double next)
    {
        if (history.Count > 0)
            x = Correct(history, x, denoised, sigma, OrderOf(run.Step - 1));
        history.Add(sigma, denoised);
        var kept = next / sigma; // e^{-h}
        var points = Enumerable.Range(1, OrderOf(run.Step) - 1).Select(age => history[age]);
        return AddDerivatives(x.mul(kept).add_(denoised, alpha: 1 - kept), history[0], next, [.. points]);
    }

    private int OrderOf(int step) => Math.Min(Options.Order, Math.Min(step, Options.Steps - step + 1));

    // The step that led to σ, with D there among its points (UniC).
    private static Tensor Correct(StepHistory history, Tensor x, Tensor denoised, double sigma, int order)
    {
        var before = Enumerable.Range(1, order - 1).Select(age => history[age]).ToArray();
        var corrected = AddDerivatives(x.clone(), history[0], sigma, [.. before, (sigma, denoised)]);
        return AddDerivatives(corrected, history[0], sigma, before, sign: -1);
    }

    // sum += sign·Σ w_m (D_m - D) over the points, in place.
    private static Tensor AddDerivatives(
        Tensor sum,
        (double Sigma, Tensor Denoised) start,
        double next,
        (double Sigma, Tensor Denoised)[] points,
        int sign = 1
    )
    {
        var step = Math.Log(start.Sigma / next);
        var weights = UniPcWeights.Of(step, [.. points.Select(p => Math.Log(start.Sigma / p.Sigma) / step)]);
        foreach (var (weight, point) in weights.Zip(points))
            sum.add_(point.Denoised, alpha: sign * weight);
        return points.Length == 0 ? sum : sum.add_(start.Denoised, alpha: -sign * weights.Sum());
    }
}
