using System.Runtime.CompilerServices;
using InvFusion.Autoencoding;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Models;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Restoration;

/// <summary>Restores images with one network: posterior samples, their mean and their spread. Does not own the networks.</summary>
/// <remarks>Any number of threads may use one restorer, or restorers of one network: a restoration waits for that of another thread (<see cref="TorchTurn"/>).</remarks>
/// <param name="network">The network; null for methods that need none (linear).</param>
/// <param name="guide">
/// A weaker network of the same size that guides (<see cref="RestoreOptions.Guidance"/>), always without a class; null guides with the network itself.
/// </param>
/// <example>
/// <code>
/// TorchRuntime.Initialize();
/// using var network = NetworkFile.Load("models/faces64.safetensors");
/// using var op = new MyOperator(...);                      // derives from LinearOperator
/// using var y = op.Apply(truth.unsqueeze(1));              // [1, 1, O], or what the camera gave
/// using var restored = new Restorer(network).Restore(op, y, new RestoreOptions { Samples = 8 });
/// // restored.Samples [8, C, H, W], restored.Mean, restored.Spread
/// </code>
/// </example>
public sealed class Restorer(PreconditionedNetwork? network, PreconditionedNetwork? guide = null)
{
    // Operators of users that have passed their check, for as long as they live.
    private static readonly ConditionalWeakTable<LinearOperator, object> Checked = [];

    private const double DataStd = 0.5; // σ_d of EDM: H⁺y of a rounded picture is Wiener's filter under a prior that knows nothing else

    /// <summary>The configuration of the network; null without one.</summary>
    public NetworkConfiguration? Network => network?.Configuration;

    /// <summary>Decodes what a network of latents gives; not owned. Null leaves latents as they are.</summary>
    public LatentCodec? Codec { get; init; }

    /// <summary>
    /// Told of every batch that is drawn without a measurement as soon as it is there: the number of its first sample, and the images <c>[K, C, H, W]</c>, NaN where
    /// one failed. Samples of a posterior are not told: they are projected together in the end.
    /// </summary>
    public Action<int, Tensor>? Drawn { get; init; }

    /// <summary>Draws samples of the posterior p(x | y).</summary>
    /// <param name="op">H, for one image, or null for samples of the prior.</param>
    /// <param name="measurement">y, <c>[1, 1, O]</c>, or null; on the network's device, as the operator.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told after every evaluation.</param>
    /// <param name="cancellation">Ends the work; samples that are finished are kept.</param>
    /// <exception cref="ConfigurationException">An option is wrong or does not fit the network, or an operator of one's own fails <see cref="LinearOperator.Check"/>.</exception>
    /// <exception cref="ArgumentException">H and y do not belong together, are for several images, or y is not real; the message says what is needed.</exception>
    /// <exception cref="ObjectDisposedException">A network, H or y is disposed; the message names it.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before a sample was finished.</exception>
    public RestoredImage Restore(
        LinearOperator? op,
        Tensor? measurement,
        RestoreOptions options,
        IProgress<RestoreProgress>? progress = null,
        CancellationToken cancellation = default
    )
    {
        ArgumentNullException.ThrowIfNull(options);
        using var turn = TorchTurn.Take(cancellation);
        options.Validate();
        RequireFitting(op, measurement, options);
        var denoisers = network is null ? null : new RestoreDenoiser(network, guide, options);
        denoisers?.Check();
        if (op is { IsOwn: false } && !Checked.TryGetValue(op, out _))
        {
            op.Check(measurement!.device);
            Checked.AddOrUpdate(op, true);
        }
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        using var pause = CollectionPause.Begin();
        var image = op?.Image ?? ImageOf(network!.Configuration);
        var layout = Layout(op, image, options);
        var parts = layout.Windows.Select(w => new RestorePart(op, measurement, image, w)).ToArray();
        try
        {
            var drawn = Draw(parts, layout, denoisers, options, progress, cancellation);
            var samples = cat(drawn.Images, 0);
            if (options.Projects && op is not null && measurement is not null)
                samples = MeasurementProjection.Apply(op, samples, measurement, options.RoundedMeasurement);
            var latents = Codec is null ? null : samples;
            samples = Codec?.Decode(samples) ?? samples;
            var good = GoodSamples(samples, drawn.Failures);
            var pseudoInverse =
                op is null || measurement is null
                    ? zeros_like(samples[0])
                    : Shown(
                        op.Exact.PseudoInverse(measurement, options.RoundedMeasurement ? options.NoiseLevel / DataStd : 0).flatten(0, 1)
                    );
            return new RestoredImage(
                samples.MoveToOuterDisposeScope(),
                good.mean([0]).MoveToOuterDisposeScope(),
                (good.shape[0] > 1 ? good.std(0) : zeros_like(good[0])).MoveToOuterDisposeScope(),
                pseudoInverse.MoveToOuterDisposeScope(),
                drawn.Failures,
                drawn.Evaluations,
                parts.Sum(p => p.Operator?.ForwardCalls ?? 0),
                parts.Sum(p => p.Operator?.InverseCalls ?? 0),
                drawn.Cancelled
            )
            {
                Directions = Directions(drawn.Directions, latents)?.MoveToOuterDisposeScope(),
                Latents = latents?.MoveToOuterDisposeScope(),
            };
        }
        finally
        {
            foreach (var part in parts)
                part.Dispose();
        }
    }

    private void RequireFitting(LinearOperator? op, Tensor? measurement, RestoreOptions options)
    {
        network?.RequireAlive();
        guide?.RequireAlive();
        InverseProblem.Check(op, measurement, batch: 1);
        var kind = Samplers.Find(options.Method);
        if (network is null)
        {
            if (kind.NeedsNetwork)
                throw new ConfigurationException($"--method {kind.Name}: needs a network; only linear restores without");
            if (op is null)
                throw new ConfigurationException(
                    $"--method {kind.Name}: needs a measurement; without a network there is nothing else to go by"
                );
            return;
        }
        if (measurement is null)
            return;
        MethodFit.Require("the model", network.Configuration, options.Method);
        if (measurement.device_type != network.Device.type)
            throw new ArgumentException($"the measurement is on {measurement.device}, the network on {network.Device}: move one of them");
    }

    private static ImageShape ImageOf(NetworkConfiguration network) => new(network.Channels, network.Resolution, network.Resolution);

    private Tensor Shown(Tensor one) => (Codec?.Decode(one) ?? one)[0];

    // Of latents: what a standard deviation along each changes in the picture.
    private Tensor? Directions(Tensor? directions, Tensor? latents)
    {
        if (directions is null || Codec is null)
            return directions;
        using var scope = NewDisposeScope();
        var mean = latents!.narrow(0, 0, 1);
        return (Codec.Decode(mean + directions) - Codec.Decode(mean)).MoveToOuterDisposeScope();
    }

    private TileLayout Layout(LinearOperator? op, ImageShape image, RestoreOptions options)
    {
        if (op is null || options.TileOverlap is not { } overlap || !Samplers.Find(options.Method).NeedsNetwork)
            return TileLayout.Whole(image);
        if (network!.Configuration.Latents is not null)
            throw new ConfigurationException("--tiles: a network of latents restores whole pictures of its own size; leave --tiles out");
        var step = op.WindowStep ?? throw new ConfigurationException($"--tiles: {op.GetType().Name} is not local; restore without tiles");
        return new TileLayout(image, network.Configuration.Resolution, overlap, step);
    }

    // Batch by batch, each in all parts: on cancellation the batches that are whole are kept.
    private DrawnBatches Draw(
        RestorePart[] parts,
        TileLayout layout,
        RestoreDenoiser? denoisers,
        RestoreOptions options,
        IProgress<RestoreProgress>? progress,
        CancellationToken cancellation
    )
    {
        var drawn = new DrawnBatches();
        var kind = Samplers.Find(options.Method);
        var together =
            options.BatchSize ?? (kind.NeedsNetwork ? BatchChoice.Of(network!.Configuration, network.Device, kind) : options.Drawn);
        var told = progress is null ? null : new EvaluationCount(progress, options, parts.Length);
        try
        {
            foreach (var batch in Enumerable.Range(0, options.Drawn).Chunk(together))
            {
                var results = new List<SamplingResult>();
                foreach (var part in parts)
                    results.Add(Sample(part, batch, denoisers, options, told, cancellation));
                drawn.Add(results, layout);
                drawn.Evaluations = parts.Sum(p => p.Evaluations);
                if (parts[0].Operator is null)
                    Tell(batch[0], drawn.Images[^1]);
            }
        }
        catch (OperationCanceledException) when (drawn.Images.Count > 0)
        {
            drawn.Cancelled = true;
        }
        return drawn;
    }

    private void Tell(int first, Tensor images)
    {
        if (Drawn is null)
            return;
        using var scope = NewDisposeScope();
        Drawn(first, Codec?.Decode(images) ?? images);
    }

    private SamplingResult Sample(
        RestorePart part,
        int[] batch,
        RestoreDenoiser? denoisers,
        RestoreOptions options,
        EvaluationCount? told,
        CancellationToken cancellation
    )
    {
        var (op, y) = (part.Operator, part.Measurement);
        var kind = Samplers.Find(options.Method);
        var known = op is not null && kind.Conditional;
        var denoiser =
            !kind.NeedsNetwork ? NoDenoiser.Instance
            : op is not null && UnconditionalSide.Serves(network!.Configuration, options.Method)
                ? denoisers!.CreateUnconditional(part.Image, batch.Length)
            : denoisers!.Create(known ? op : null, known ? y : null, batch.Length);
        var request = new SamplingRequest
        {
            Image = part.Image,
            Noise = part.Noise([.. batch.Select(i => options.Seed + (ulong)i)], batch[0], y?.device ?? network!.Device),
            Problem = op is null || y is null ? null : new(op, y, options.NoiseLevel),
        };
        var guided = denoiser as GuidedDenoiser;
        var progress = told?.Begin(batch.Length, guided);
        var result = Samplers.Create(options.Method, options.Sampler).Sample(denoiser, request, progress, cancellation);
        var evaluations = (long)result.Evaluations * batch.Length + (guided?.ReferenceEvaluations ?? 0);
        told?.End(result.Evaluations, evaluations);
        part.Evaluations += evaluations;
        return result;
    }

    // Stands where a method asks for none.
    private sealed class NoDenoiser : IDenoiser
    {
        public static NoDenoiser Instance { get; } = new();

        public Tensor Denoise(Tensor x, Tensor sigma) => throw new InvalidOperationException("this method is said to need no network");
    }

    private static Tensor GoodSamples(Tensor samples, List<SampleFailure> failures)
    {
        if (failures.Count == 0)
            return samples;
        if (failures.Count == samples.shape[0])
            throw new DivergenceException($"every sample diverged; the first: {failures[0].Message}");
        return samples[samples.flatten(1).isfinite().all(1)];
    }

    /// <summary>What is drawn so far.</summary>
    private sealed class DrawnBatches
    {
        /// <summary><c>[K, C, H, W]</c> of each batch.</summary>
        public List<Tensor> Images { get; } = [];
        public List<SampleFailure> Failures { get; } = [];

        /// <summary>Principal directions of the first sample that did not fail; they hardly depend on its noise.</summary>
        public Tensor? Directions { get; private set; }
        public bool Cancelled { get; set; }

        /// <summary>Evaluations of networks, in images.</summary>
        public long Evaluations { get; set; }

        /// <summary>Adds a batch from its parts. A sample that failed in one of them has failed.</summary>
        public void Add(List<SamplingResult> parts, TileLayout layout)
        {
            var images = layout.Blend([.. parts.Select(p => p.Images)]);
            var first = Images.Sum(i => (int)i.shape[0]);
            for (var i = 0; i < images.shape[0]; i++)
                if (parts.Select(p => p.Failures[i]).FirstOrDefault(f => f is not null) is { } failure)
                {
                    Failures.Add(failure with { Index = first + i });
                    images[i].fill_(double.NaN);
                }
                else if (parts.Count == 1)
                    Directions ??= parts[0].Directions?[i].clone();
            Images.Add(images);
            parts.ForEach(p => p.Dispose());
        }
    }
}
