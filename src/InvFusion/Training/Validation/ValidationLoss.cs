using InvFusion.Autoencoding;
using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Distributed;
using InvFusion.Models;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Training.Validation;

/// <summary>
/// The denoising error of a network on held-out images, with everything fixed that training draws: noise levels, noise, operators and measurement noise follow from
/// the image's place in the set and from what is asked, not from the network, the batch or the rest of the plan. Two networks see the same x and y, so that the differences of their
/// values image by image are those of the networks.
/// </summary>
/// <param name="images">The held-out images; not owned. Latents are drawn once and for all.</param>
/// <param name="plan">How many, degraded how, at which levels.</param>
/// <param name="device">Where the networks are; the CPU when null.</param>
public sealed class ValidationLoss(IImageSet images, ValidationPlan plan, Device? device = null)
{
    private const ulong Seed = 0x76616C6964; // "valid": no run and no command has another
    private readonly ValidationDegradation[] _degradations = [.. Checked(images, plan).Degradations.Select(ValidationDegradation.Parse)];

    internal enum Purpose : ulong
    {
        Image = 1,
        Noise = 2,
        Operator = 3,
        MeasurementNoise = 4,
    }

    private ImageShape Shape { get; } = new(images.Channels, images.Size, images.Size);

    /// <summary>Measures a network, in evaluation mode, with its own type of products; it is left as it was.</summary>
    /// <param name="network">The network. An unconditional one sees x alone: its errors are the same under every degradation, and are measured once.</param>
    /// <param name="trainedFor">What it was trained for, which decides the levels: see <see cref="ValidationGrid.LevelsOf"/>.</param>
    /// <param name="ranks">The processes that share the images, or null for this one alone; not owned. Each gets all values.</param>
    /// <param name="stop">Asked every few seconds whether to stop; yes on one rank stops all.</param>
    /// <param name="progress">Told (done, all) degraded images.</param>
    /// <returns>The values; null when stopped.</returns>
    /// <exception cref="ConfigurationException">The images do not fit the network.</exception>
    public ValidationValues? Measure(
        PreconditionedNetwork network,
        LossKind trainedFor,
        ICollective? ranks = null,
        Func<bool>? stop = null,
        IProgress<(double Done, double Total)>? progress = null
    )
    {
        ArgumentNullException.ThrowIfNull(network);
        RequireFit(images, network.Configuration);
        var conditional = network.Configuration.Kind != NetworkKind.Unconditional;
        var (training, checkpoints) = (network.training, network.Checkpoints);
        network.eval();
        network.Checkpoints = null;
        try
        {
            return Measure(Denoiser, ValidationGrid.LevelsOf(trainedFor, plan.Sigmas), conditional, ranks, stop, progress);
        }
        finally
        {
            network.train(training);
            network.Checkpoints = checkpoints;
        }

        IDenoiser Denoiser(Conditioning known)
        {
            var labels = network.Configuration.Classes > 0 ? known.ClassLabels : null;
            known = conditional ? known with { ClassLabels = labels } : new(ClassLabels: labels);
            return new OneLevelDenoiser(network, known with { MeasuredImage = network.MeasuredImage(known) });
        }
    }

    // Every level is the first of a trajectory: a value must not depend on which other levels are measured.
    private sealed class OneLevelDenoiser(PreconditionedNetwork network, Conditioning known) : IDenoiser
    {
        public Tensor Denoise(Tensor x, Tensor sigma) => new NetworkDenoiser(network, known).Denoise(x, sigma);
    }

    /// <summary>Measures any denoiser.</summary>
    /// <param name="denoiser">Makes the denoiser of a batch from H, y, σ_y and classes.</param>
    /// <param name="sigmas">The noise levels, rising.</param>
    /// <param name="conditional">Whether it makes use of H and y; if not, one degradation stands for all and there are none.</param>
    /// <param name="ranks">The processes that share the images, or null for this one alone.</param>
    /// <param name="stop">Asked every few seconds whether to stop.</param>
    /// <param name="progress">Told (done, all) degraded images.</param>
    /// <returns>The values; null when stopped.</returns>
    public ValidationValues? Measure(
        Func<Conditioning, IDenoiser> denoiser,
        IReadOnlyList<double> sigmas,
        bool conditional = true,
        ICollective? ranks = null,
        Func<bool>? stop = null,
        IProgress<(double Done, double Total)>? progress = null
    )
    {
        ArgumentNullException.ThrowIfNull(denoiser);
        ArgumentNullException.ThrowIfNull(sigmas);
        ranks ??= new SingleProcess();
        using var noGrad = no_grad();
        var errors = new double[_degradations.Length * sigmas.Count * plan.Number];
        var kinds = conditional ? _degradations.Length : 1;
        // Ranks without a batch in the last round go along: all must be asked together.
        for (var start = 0; start < plan.Number; start += ranks.Size * plan.Batch)
        {
            using var scope = NewDisposeScope();
            var first = start + ranks.Rank * plan.Batch;
            var batch = first < plan.Number ? Read(first, Math.Min(plan.Batch, plan.Number - first), sigmas) : null;
            for (var d = 0; d < kinds; d++)
            {
                if (ranks.Any(stop?.Invoke() ?? false))
                    return null;
                if (batch is null)
                    continue;
                Evaluate(denoiser, batch, conditional ? d : null, sigmas, errors.AsSpan(d * sigmas.Count * plan.Number));
                progress?.Report(((double)first * kinds + (d + 1) * batch.Size, (double)plan.Number * kinds));
            }
        }
        if (ranks.Size > 1)
            ranks.Reduce(errors, Reduction.Sum);
        for (var d = kinds; d < _degradations.Length; d++)
            errors.AsSpan(0, sigmas.Count * plan.Number).CopyTo(errors.AsSpan(d * sigmas.Count * plan.Number));
        return new(_degradations, sigmas, plan.Number, errors);
    }

    /// <summary>Checks sizes, classes and latents. A set without classes fits every network: it is then measured without a class.</summary>
    /// <param name="images">The held-out images.</param>
    /// <param name="network">The network's configuration.</param>
    /// <param name="source">What messages begin with.</param>
    /// <exception cref="ConfigurationException">The two do not fit; the message says how they differ.</exception>
    public static void RequireFit(IImageSet images, NetworkConfiguration network, string source = "validation")
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(network);
        var problem =
            images.Size != network.Resolution || images.Channels != network.Channels
                ? $"the images are {images.Channels}×{images.Size}×{images.Size}, the network takes {network.Channels}×{network.Resolution}×{network.Resolution}"
            : images.Latents?.Fingerprint != network.Latents?.Fingerprint
                ? $"the set holds {Kind(images.Latents)}, the network works on {Kind(network.Latents)}"
            : network.Classes > 0 && images.ClassCount > 0 && images.ClassCount != network.Classes
                ? $"the set has {images.ClassCount} classes, the network {network.Classes}"
            : null;
        if (problem is not null)
            throw new ConfigurationException($"{source}: {problem}; give a set and a network that fit");

        static string Kind(LatentDescription? latents) =>
            latents is null ? "pictures" : $"latents of '{latents.Autoencoder}' ({latents.Fingerprint})";
    }

    // The errors of a batch under one degradation, into [levels, images].
    private void Evaluate(
        Func<Conditioning, IDenoiser> denoiser,
        Batch batch,
        int? degradation,
        IReadOnlyList<double> sigmas,
        Span<double> errors
    )
    {
        using var scope = NewDisposeScope();
        var known = new Conditioning(ClassLabels: batch.Labels);
        if (degradation is { } d)
            known = Degrade(batch, _degradations[d], known);
        using var op = known.Operator;
        var network = denoiser(known);
        foreach (var (k, sigma) in sigmas.Index())
        {
            using var level = NewDisposeScope();
            var denoised = network.Denoise(batch.Truth + batch.Noise[k] * sigma, tensor([(float)sigma], device: device));
            using var squares = (denoised - batch.Truth).to_type(ScalarType.Float64).square().mean([1, 2, 3]).cpu();
            TensorMemory.Numbers<double>(squares).CopyTo(errors[(k * plan.Number + batch.First)..]);
        }
    }

    // An operator of its own for each image, which does not depend on the others.
    private Conditioning Degrade(Batch batch, ValidationDegradation entry, Conditioning known)
    {
        RandomStream[] streams = [.. batch.Indices.Select(i => Stream(Purpose.Operator, i, entry.Degradation))];
        var family = new MixedFamily(DegradationFamilies.Create(entry.Degradation));
        var op = family.Draw(Shape, streams, new RandomStream(Seed), device);
        var seeds = batch.Indices.Select(i => Stream(Purpose.MeasurementNoise, i, entry.Degradation).NextUInt64());
        return known with
        {
            Operator = op,
            Measurements = MeasurementNoise.Add(op, op.Apply(batch.Truth.unsqueeze(1)), entry.SigmaY, seeds), // [B, 1, O]
            NoiseLevel = full([batch.Size], (float)entry.SigmaY, device: device),
        };
    }

    private Batch Read(int first, int size, IReadOnlyList<double> sigmas)
    {
        var values = new float[size * Shape.Length];
        for (var i = 0; i < size; i++)
            images.ReadValues(first + i, Stream(Purpose.Image, first + i), values.AsSpan(i * Shape.Length, Shape.Length));
        long[] labels = [.. Enumerable.Range(first, size).Select(i => (long)images.Label(i))];
        return new(
            first,
            Place(values, size),
            [.. sigmas.Select(sigma => Place(Normals(first, size, sigma), size))],
            images.ClassCount > 0 ? tensor(labels, device: device) : null
        );
    }

    private float[] Normals(int first, int size, double sigma)
    {
        var normals = new float[size * Shape.Length];
        Parallel.For(0, size, i => NoiseStream(first + i, sigma).FillNormal(normals.AsSpan(i * Shape.Length, Shape.Length)));
        return normals;
    }

    // In memory of torch's own, as in TrainingStep: that of a managed array begins at any address, which moves the last bit of a product.
    private Tensor Place(float[] values, int size) =>
        tensor(values, device: device).clone().view(size, Shape.Channels, Shape.Height, Shape.Width);

    /// <summary>Where the standard normals of an image at a level come from; the same under every degradation.</summary>
    internal static RandomStream NoiseStream(int image, double sigma) =>
        new(Seed, (ulong)Purpose.Noise, (ulong)image, BitConverter.DoubleToUInt64Bits(sigma));

    private static RandomStream Stream(Purpose purpose, int image, string text = "") =>
        new([Seed, (ulong)purpose, (ulong)image, .. text.Select(c => (ulong)c)]);

    private static ValidationPlan Checked(IImageSet images, ValidationPlan plan)
    {
        plan.Validate("validation: ");
        return plan.Number <= images.Count
            ? plan
            : throw new ConfigurationException(
                $"validation: number is {plan.Number}; it must be 1 to {images.Count}, the images of the set"
            );
    }

    // Images x₀ [B, C, H, W], standard normals of each level, classes [B].
    private sealed record Batch(int First, Tensor Truth, Tensor[] Noise, Tensor? Labels)
    {
        public int Size => (int)Truth.shape[0];

        public IEnumerable<int> Indices => Enumerable.Range(First, Size);
    }
}
