using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Models;
using static TorchSharp.torch;

namespace InvFusion.Evaluation;

/// <summary>Follows samples of a network, of its posteriors or without a measurement, to fit noise schedules to them.</summary>
public static class ScheduleFit
{
    /// <summary>Follows samples batch by batch.</summary>
    /// <param name="network">The network.</param>
    /// <param name="images">Held-out images, which are degraded and restored; null draws without a measurement.</param>
    /// <param name="degradations">Their degradations: one batch after the other takes the next of them.</param>
    /// <param name="options">How many samples, batches, seeds and noise.</param>
    /// <param name="progress">Told (done, all) evaluations, counted in images.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="ConfigurationException">An option is out of range, or the network does not fit.</exception>
    public static ScheduleSearch Run(
        PreconditionedNetwork network,
        IImageSet? images,
        IReadOnlyList<DegradationSpec> degradations,
        ComparisonOptions options,
        IProgress<(double Done, double Total)>? progress = null,
        CancellationToken cancellation = default
    )
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(degradations);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        if (images is not null && options.Count > images.Count)
            throw new ConfigurationException($"--num {options.Count}: must be 1 to {images.Count}, the images of the set");
        using var noGrad = no_grad();
        var search = new ScheduleSearch();
        var contestant = new Contestant("", network, "edm", new() { Steps = ScheduleSearch.TeacherSteps }, Project: false);
        var shape = new ImageShape(network.Configuration.Channels, network.Configuration.Resolution, network.Configuration.Resolution);
        DegradedImages[] sets = images is null ? [] : [.. degradations.Select(d => new DegradedImages(images, d, options))];
        for (var first = 0; first < options.Count; first += options.BatchSize)
        {
            using var scope = NewDisposeScope();
            var size = Math.Min(options.BatchSize, options.Count - first);
            using var batch = sets.Length == 0 ? null : sets[first / options.BatchSize % sets.Length].ReadBatch(first, size);
            var problem = batch is null ? null : new InverseProblem(batch.Operator, batch.Measurements, options.SigmaY);
            var seeds = Enumerable.Range(first, size).Select(i => options.Seed + (ulong)i);
            var request = new SamplingRequest { Image = shape, Noise = new SampleNoise(seeds, options.Device) };
            var told = progress is null ? null : new Progress(progress, first, size, options.Count, contestant.Evaluations);
            using var teacher = TeacherTrajectory.Of(
                BatchSampler.Denoiser(contestant, shape, problem, labels: null),
                request,
                ScheduleSearch.TeacherSteps,
                told,
                cancellation
            );
            search.Add(teacher);
        }
        return search;
    }

    private sealed class Progress(IProgress<(double Done, double Total)> target, int first, int size, int count, int evaluations)
        : IProgress<SamplingProgress>
    {
        public void Report(SamplingProgress value) =>
            target.Report(((double)first * evaluations + size * value.Evaluations, (double)count * evaluations));
    }
}
