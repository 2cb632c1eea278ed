using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Models;
using InvFusion.Restoration;
using static TorchSharp.torch;

namespace InvFusion.Evaluation;

/// <summary>Draws one sample for each image of a batch, each with its own operator, measurement and class.</summary>
internal static class BatchSampler
{
    /// <summary>Restores a degraded batch: one sample for each image with the seed of its own, in the current dispose scope; the caller owns them.</summary>
    /// <param name="contestant">Model and method.</param>
    /// <param name="batch">The images.</param>
    /// <param name="op">The batch's operator, or one that stands for it.</param>
    /// <param name="options">Noise and device.</param>
    /// <param name="progress">Told after every evaluation.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static SamplingResult Restore(
        Contestant contestant,
        DegradedImages.Batch batch,
        LinearOperator op,
        ComparisonOptions options,
        IProgress<SamplingProgress>? progress,
        CancellationToken cancellation
    )
    {
        var noise = new SampleNoise(batch.Seeds, options.Device) { What = "image", First = batch.First };
        var problem = new InverseProblem(op, batch.Measurements, options.SigmaY);
        return Sample(contestant, op.Image, noise, problem, labels: null, progress, cancellation);
    }

    /// <summary>Draws the samples, in the current dispose scope; the caller owns them.</summary>
    /// <param name="contestant">Model and method.</param>
    /// <param name="image">Shape of an image.</param>
    /// <param name="noise">The samples' random numbers.</param>
    /// <param name="problem">What was measured; null where nothing was.</param>
    /// <param name="labels">Classes <c>[B]</c> int64, or null for none.</param>
    /// <param name="progress">Told after every evaluation.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static SamplingResult Sample(
        Contestant contestant,
        ImageShape image,
        SampleNoise noise,
        InverseProblem? problem,
        Tensor? labels,
        IProgress<SamplingProgress>? progress,
        CancellationToken cancellation
    )
    {
        var request = new SamplingRequest
        {
            Image = image,
            Noise = noise,
            Problem = problem,
        };
        var denoiser = Denoiser(contestant, image, problem, labels);
        return Samplers.Create(contestant.Method, contestant.Options).Sample(denoiser, request, progress, cancellation);
    }

    /// <summary>The denoiser of a contestant, which knows the measurement where the method wants that; what it holds belongs to the open dispose scope.</summary>
    internal static IDenoiser Denoiser(Contestant c, ImageShape image, InverseProblem? problem, Tensor? labels)
    {
        var side = c.OnUnconditionalSide && problem is not null;
        if (side) // the networks see nothing of the measurement, the sampler does
            problem = UnconditionalSide.Problem(image, (int)problem!.Measurements.shape[0], c.Network.Device);
        var known = c.Kind.Conditional || side ? Known(c.Network, problem) : Conditioning.None;
        var main = new NetworkDenoiser(c.Network, known with { ClassLabels = labels });
        if (c.Guidance is not { } weight)
            return main;
        var reference = c.Guide is { } guide
            ? new NetworkDenoiser(guide, guide.Configuration.Kind == NetworkKind.Unconditional ? Conditioning.None : Known(guide, problem))
            : new NetworkDenoiser(c.Network, known); // of no class
        return new GuidedDenoiser(main, reference, weight, c.GuidanceInterval);
    }

    // With the measured image, which the branches of guidance share.
    private static Conditioning Known(PreconditionedNetwork network, InverseProblem? problem)
    {
        if (problem is null)
            return Conditioning.None;
        var known = new Conditioning(problem.Operator, problem.Measurements)
        {
            NoiseLevel = tensor([(float)problem.SigmaY], device: problem.Measurements.device),
        };
        return known with { MeasuredImage = network.MeasuredImage(known) };
    }
}
