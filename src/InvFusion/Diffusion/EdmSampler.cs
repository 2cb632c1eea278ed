using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>
/// Heun's second-order sampler with optional churn (Karras et al., "Elucidating the design space of diffusion-based generative models", algorithm 2).
/// With a denoiser that is conditioned on H and y it samples the posterior.
/// </summary>
public sealed class EdmSampler : ISampler
{
    private readonly EdmOptions _options;

    /// <summary>Creates the sampler.</summary>
    /// <exception cref="ConfigurationException">An option is out of range.</exception>
    public EdmSampler(EdmOptions? options = null)
    {
        _options = options ?? new EdmOptions();
        _options.Validate();
    }

    /// <inheritdoc/>
    public SamplingResult Sample(
        IDenoiser denoiser,
        SamplingRequest request,
        IProgress<SamplingProgress>? progress = null,
        CancellationToken cancellation = default
    )
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var run = new SamplingRun(denoiser, request, _options.Steps, progress, cancellation);
        var sigmas = _options.Schedule.Levels(_options.Steps);
        var x = run.Normal().mul_(sigmas[0]);
        for (var i = 0; i < _options.Steps && !run.AllFailed; i++)
        {
            run.Step = i + 1;
            var next = Step(run, x, sigmas[i], sigmas[i + 1]);
            x.Dispose();
            x = next;
        }
        var result = run.Finish(x);
        result.Images.MoveToOuterDisposeScope();
        return result;
    }

    private Tensor Step(SamplingRun run, Tensor x, double sigma, double next)
    {
        using var scope = NewDisposeScope();
        var (hat, sigmaHat) = AddNoise(run, x, sigma);
        var slope = hat.sub(run.Denoise(hat, sigmaHat)).div_(sigmaHat); // d = (x̂ - D(x̂, σ̂)) / σ̂
        var result = hat.add(slope, next - sigmaHat); // Euler
        if (next > 0)
        {
            var slopeThere = result.sub(run.Denoise(result, next)).div_(next);
            result = hat.add(slope.add_(slopeThere), 0.5 * (next - sigmaHat)); // trapezoid
        }
        return result.MoveToOuterDisposeScope();
    }

    // Lines 4-6 of the algorithm: raise the noise level by the factor 1 + γ.
    private (Tensor X, double Sigma) AddNoise(SamplingRun run, Tensor x, double sigma)
    {
        var active = _options.Churn > 0 && sigma >= _options.ChurnMin && sigma <= _options.ChurnMax;
        if (!active)
            return (x, sigma);
        var gamma = Math.Min(_options.Churn / _options.Steps, Math.Sqrt(2) - 1);
        var raised = sigma * (1 + gamma);
        return (x.add(run.Normal(), Math.Sqrt(raised * raised - sigma * sigma) * _options.ChurnNoise), raised);
    }
}
