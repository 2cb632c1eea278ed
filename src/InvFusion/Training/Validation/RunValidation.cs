using InvFusion.Data;
using InvFusion.Models;
using TorchSharp;

namespace InvFusion.Training.Validation;

/// <summary>The validation of a run: of its averaged weights, by all ranks together.</summary>
internal sealed class RunValidation
{
    private readonly TrainingOptions _options;
    private readonly TrainingRanks _ranks;
    private readonly ValidationLoss _loss;

    private RunValidation(TrainingOptions options, IImageSet images, TrainingRanks ranks, torch.Device device) =>
        (_options, _ranks, _loss) = (options, ranks, new(images, options.Validation!, device));

    /// <summary>Prepares it; null for a run without one.</summary>
    /// <param name="options">The run, with the latents of its set in the network's configuration.</param>
    /// <param name="images">The held-out images; not owned. They are needed where the run has a validation.</param>
    /// <param name="ranks">The ranks of the run.</param>
    /// <param name="device">Where the network is.</param>
    /// <exception cref="ConfigurationException">The images do not fit the run.</exception>
    public static RunValidation? Of(TrainingOptions options, IImageSet? images, TrainingRanks ranks, torch.Device? device)
    {
        if (options.Validation is not { } validation)
            return null;
        if (images is null)
            throw new ArgumentNullException(nameof(images), $"the run has a validation: open its images ({validation.Data}) and give them");
        ValidationLoss.RequireFit(images, options.Network, $"validation.data {validation.Data}");
        return new(options, images, ranks, device ?? torch.CPU);
    }

    /// <summary>Whether it is time: at every so many images, and at the end.</summary>
    public bool IsDue(long seen) =>
        seen >= _options.Images
        || seen / _options.Validation!.EveryImages != (seen - _options.StepImages) / _options.Validation.EveryImages;

    /// <summary>Measures the weights that are in place.</summary>
    /// <param name="network">The network.</param>
    /// <param name="seen">Images of training.</param>
    /// <param name="stop">Whether the run is to stop.</param>
    /// <returns>The means; null when stopped.</returns>
    public ValidationStatus? Measure(PreconditionedNetwork network, long seen, Func<bool> stop) =>
        _loss.Measure(network, _options.Loss.Kind, _ranks.Collective, stop) is { } values ? ValidationStatus.Of(seen, values) : null;
}
