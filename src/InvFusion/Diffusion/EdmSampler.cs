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
    ) => SamplingLoop.Walk(_options, new SamplingRun(denoiser, request, _options.Steps, progress, cancellation), Step);

    private static Tensor Step(SamplingRun run, Tensor x, double sigma, double next)
    {
        var slope = x.sub(run.Denoise(x, sigma)).div_(sigma); // d = (x̂ - D(x̂, σ̂)) / σ̂
        var result = x.add(slope, next - sigma); // Euler
        if (next > 0)
        {
            var slopeThere = result.sub(run.Denoise(result, next)).div_(next);
            result = x.add(slope.add_(slopeThere), 0.5 * (next - sigma)); // trapezoid
        }
        return result;
    }
}
