using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>
/// A sampler that evaluates the denoiser once in a step and makes up for it with what the steps before found. The last step, to σ = 0, is x' = D for all of them.
/// </summary>
public abstract class MultistepSampler : ISampler
{
    private readonly int _memory;

    /// <summary>Checks the options.</summary>
    /// <param name="name">The sampler's name, for errors.</param>
    /// <param name="options">Its options.</param>
    /// <param name="memory">How many steps it looks back.</param>
    /// <param name="highestOrder">The highest order that it has.</param>
    /// <exception cref="ConfigurationException">An option is out of range.</exception>
    private protected MultistepSampler(string name, MultistepOptions options, int memory, int highestOrder)
    {
        (Options, _memory) = (options, memory);
        options.Validate();
        if (options.Order > highestOrder)
            throw new ConfigurationException($"order is {options.Order}: that of {name} must be at most {highestOrder}");
    }

    private protected MultistepOptions Options { get; }

    /// <inheritdoc/>
    public SamplingResult Sample(
        IDenoiser denoiser,
        SamplingRequest request,
        IProgress<SamplingProgress>? progress = null,
        CancellationToken cancellation = default
    )
    {
        using var history = new StepHistory(_memory);
        var run = new SamplingRun(denoiser, request, Options.Steps, progress, cancellation);
        return SamplingLoop.Walk(Options, run, Step);

        Tensor Step(SamplingRun run, Tensor x, double sigma, double next)
        {
            var denoised = run.Denoise(x, sigma);
            return next == 0 ? denoised : this.Step(run, history, x, denoised, sigma, next);
        }
    }

    /// <summary>One step to a noise level above 0, which also adds to the history what later steps need.</summary>
    private protected abstract Tensor Step(SamplingRun run, StepHistory history, Tensor x, Tensor denoised, double sigma, double next);
}
