using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>A sampler that meets H and y outside an unconditional denoiser: it says what a step is, the walk down the noise levels is the same for all.</summary>
public abstract class ZeroShotSampler : ISampler
{
    private readonly string _name;

    /// <summary>Checks the options.</summary>
    /// <exception cref="ConfigurationException">An option is out of range.</exception>
    private protected ZeroShotSampler(string name, ZeroShotOptions options)
    {
        (_name, Options) = (name, options);
        options.Validate();
    }

    private protected ZeroShotOptions Options { get; }

    private protected bool Reference => Options.Variant == SamplerVariant.Reference;

    /// <inheritdoc/>
    public SamplingResult Sample(
        IDenoiser denoiser,
        SamplingRequest request,
        IProgress<SamplingProgress>? progress = null,
        CancellationToken cancellation = default
    )
    {
        using var turn = TorchTurn.Take(cancellation);
        using var scope = NewDisposeScope();
        var run = new SamplingRun(denoiser, request, Options.Steps, progress, cancellation);
        var model = new MeasurementModel(_name, request, Options.Variant);
        var result = SamplingLoop.Walk(Options, run, Steps(model), (noise, sigma) => Start(model, noise, sigma));
        result.Images.MoveToOuterDisposeScope();
        return result;
    }

    /// <summary>The step of the variant for one measurement; what it holds lives as long as the walk.</summary>
    private protected abstract StepFunction Steps(MeasurementModel model);

    /// <summary>Where the walk starts, from σ_max·n.</summary>
    private protected virtual Tensor Start(MeasurementModel model, Tensor noise, double sigma) => noise;
}
