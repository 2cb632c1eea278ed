using InvFusion.Degradations;
using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>
/// Decoupled annealing (Zhang et al., "Improving diffusion inverse problem solving with decoupled noise annealing"): at each level a clean image from a short ODE,
/// then a draw from exp(-‖Hx-y‖²/2β² - ‖x-x̂₀‖²/2σ²), then the noise of the next level.
/// </summary>
/// <remarks>
/// The draw is made by Langevin steps that are a part of the largest stable one, 1/(‖H‖²/β² + 1/σ²) of each sample, or exactly (H is linear, the density Gaussian).
/// The reference form has steps of 1e-4 whatever the norm of H, which diverge on strided blur, and leaves the draw out at the last level.
/// </remarks>
public sealed class DapsSampler : ZeroShotSampler
{
    private const int OdeSteps = 5;
    private const double OdeEnd = 0.01;
    private const double LeastSigmaY = 0.01; // β = max(σ_y, this)
    private const double LastRate = 0.01; // the rate falls from 1 to this
    private const double ReferenceStepSize = 1e-4;

    /// <summary>Creates the sampler.</summary>
    /// <exception cref="ConfigurationException">An option is out of range.</exception>
    public DapsSampler(ZeroShotOptions? options = null)
        : base("daps", options ?? Defaults) { }

    /// <summary>200 levels down to σ = 0.1, 100 Langevin steps at each.</summary>
    public static ZeroShotOptions Defaults { get; } =
        new()
        {
            Steps = 200,
            Schedule = new() { SigmaMin = 0.1 },
        };

    private protected override StepFunction Steps(MeasurementModel model)
    {
        // [B or 1, 1, 1, 1]
        var norm = Reference ? null : OperatorNorm.Squared(model.Operator, model.Measured.device) / (model.Gain * model.Gain);
        return (run, x, sigma, next) => Step(run, model, norm, x, sigma, next);
    }

    private Tensor Step(SamplingRun run, MeasurementModel model, Tensor? norm, Tensor x, double sigma, double next)
    {
        var estimate = SolveOde(run, x, sigma);
        var drawn =
            Reference && next == 0 ? estimate
            : Options.LangevinSteps == 0 ? DrawExactly(run, model, estimate, sigma)
            : Langevin(run, model, norm, estimate, sigma);
        return drawn + next * run.Normal();
    }

    // Euler steps from σ to 0.01 and 0.
    private static Tensor SolveOde(SamplingRun run, Tensor x, double sigma)
    {
        var levels = new NoiseSchedule { SigmaMin = Math.Min(OdeEnd, sigma / 2), SigmaMax = sigma }.Levels(OdeSteps);
        var ode = x.clone();
        for (var i = 0; i < OdeSteps; i++)
        {
            using var inner = NewDisposeScope();
            ode.add_(ode - run.Denoise(ode, levels[i]), (levels[i + 1] - levels[i]) / levels[i]);
        }
        return ode;
    }

    private Tensor Langevin(SamplingRun run, MeasurementModel model, Tensor? norm, Tensor estimate, double sigma)
    {
        using var scope = NewDisposeScope();
        var spread = Math.Max(LeastSigmaY, model.SigmaY); // β
        var gain = Reference ? 1 : model.Gain;
        var decay = 1 + (run.Step - 1.0) / Options.Steps * (LastRate - 1);
        var rate = norm is null
            ? tensor((float)(decay * ReferenceStepSize), device: estimate.device)
            : decay * Options.StepSize / (norm / (spread * spread) + 1 / (sigma * sigma));
        var noise = (2 * rate).sqrt();
        var x = estimate.clone();
        for (var i = 0; i < Options.LangevinSteps; i++)
        {
            using var inner = NewDisposeScope();
            var slope = (x - estimate) / (sigma * sigma) - model.Adjoint(model.Residual(x)) / (spread * spread * gain * gain);
            x.sub_(rate * slope).add_(noise * run.Normal());
        }
        return x.MoveToOuterDisposeScope();
    }

    // Perturb and solve: x̂₀ + σn moved onto y + σ_y m by the damped pseudo-inverse has exactly the mean and covariance of the Gaussian.
    private static Tensor DrawExactly(SamplingRun run, MeasurementModel model, Tensor estimate, double sigma)
    {
        var start = estimate + sigma * run.Normal();
        var measured = model.SigmaY > 0 ? model.Measured + model.SigmaY * model.Noise() : model.Measured;
        return start + model.Back(measured - model.Apply(start), model.SigmaY / sigma);
    }
}
