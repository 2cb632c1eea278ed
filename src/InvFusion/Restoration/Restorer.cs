using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Models;
using static TorchSharp.torch;

namespace InvFusion.Restoration;

/// <summary>Restores images with one network: posterior samples, their mean and their spread. Does not own the network.</summary>
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
public sealed class Restorer(PreconditionedNetwork network)
{
    /// <summary>Draws samples of the posterior p(x | y).</summary>
    /// <param name="op">H, for one image, or null for samples of the prior.</param>
    /// <param name="measurement">y, <c>[1, 1, O]</c>, or null.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told after every evaluation.</param>
    /// <param name="cancellation">Ends the work; samples that are finished are kept.</param>
    /// <exception cref="ConfigurationException">An option is wrong or does not fit the network.</exception>
    public RestoredImage Restore(
        LinearOperator? op,
        Tensor? measurement,
        RestoreOptions options,
        IProgress<RestoreProgress>? progress = null,
        CancellationToken cancellation = default
    )
    {
        options.Validate();
        CheckClass(options);
        if (op is not null && measurement is not null)
            MethodFit.Require("the model", network.Configuration, options.Method);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        using var counted = op is null ? null : new CountingOperator(op);
        var kind = Samplers.Find(options.Method);
        var sampler = Samplers.Create(options.Method, options.Sampler);
        var image =
            op?.Image ?? new ImageShape(network.Configuration.Channels, network.Configuration.Resolution, network.Configuration.Resolution);
        var finished = new List<Tensor>();
        Tensor? directions = null;
        var failures = new List<SampleFailure>();
        var (evaluations, cancelled) = (0L, false);
        var batches = Enumerable.Range(0, options.Samples).Chunk(options.BatchSize).ToArray();
        for (var b = 0; b < batches.Length && !cancelled; b++)
        {
            var seeds = batches[b].Select(i => options.Seed + (ulong)i).ToArray();
            var known = kind.Conditional && counted is not null && measurement is not null;
            var denoiser = Denoiser(
                known ? counted : null,
                known ? measurement!.expand(seeds.Length, -1, -1) : null,
                seeds.Length,
                options
            );
            var request = new SamplingRequest
            {
                Image = image,
                Noise = new SampleNoise(seeds),
                Problem = counted is null || measurement is null ? null : new(counted, measurement, options.SigmaY),
            };
            try
            {
                var result = sampler.Sample(denoiser, request, BatchProgress(progress, kind, options, b, batches.Length), cancellation);
                finished.Add(result.Images);
                directions ??= result.Directions?[0].clone(); // of the first sample: they hardly depend on its noise
                failures.AddRange(result.Failures.OfType<SampleFailure>());
                evaluations += (long)result.Evaluations * seeds.Length;
            }
            catch (OperationCanceledException)
            {
                cancelled = true;
            }
        }
        if (finished.Count == 0)
            throw new OperationCanceledException(cancellation);
        var samples = cat(finished, 0);
        var good = GoodSamples(samples, failures);
        var pseudoInverse =
            op is null || measurement is null ? zeros_like(samples[0]) : op.Exact.PseudoInverse(measurement).flatten(0, 1)[0];
        return new RestoredImage(
            samples.MoveToOuterDisposeScope(),
            good.mean([0]).MoveToOuterDisposeScope(),
            (good.shape[0] > 1 ? good.std(0) : zeros_like(good[0])).MoveToOuterDisposeScope(),
            pseudoInverse.MoveToOuterDisposeScope(),
            failures,
            evaluations,
            counted?.ForwardCalls ?? 0,
            counted?.InverseCalls ?? 0,
            cancelled
        )
        {
            Directions = directions?.MoveToOuterDisposeScope(),
        };
    }

    private static Tensor GoodSamples(Tensor samples, List<SampleFailure> failures)
    {
        if (failures.Count == 0)
            return samples;
        if (failures.Count == samples.shape[0])
            throw new DivergenceException($"every sample diverged; the first: {failures[0].Message}");
        return samples[samples.flatten(1).isfinite().all(1)];
    }

    private IDenoiser Denoiser(LinearOperator? op, Tensor? measurements, int batch, RestoreOptions options)
    {
        var label = options.Class is { } c ? full([batch], c, dtype: ScalarType.Int64) : null;
        var main = new NetworkDenoiser(network, new(op, measurements, label));
        return options.Guidance is { } weight
            ? new GuidedDenoiser(main, new NetworkDenoiser(network, new(op, measurements)), weight)
            : main;
    }

    private static Progress? BatchProgress(
        IProgress<RestoreProgress>? target,
        SamplerKind kind,
        RestoreOptions options,
        int batch,
        int batches
    )
    {
        var steps = options.Sampler.Steps ?? kind.DefaultSteps;
        var perBatch = kind.Evaluations(steps);
        return target is null ? null : new Progress(p => target.Report(new(batch * perBatch + p.Evaluations, batches * perBatch)));
    }

    private void CheckClass(RestoreOptions options)
    {
        var classes = network.Configuration.Classes;
        if (options.Class is { } c && (c < 0 || c >= classes))
            throw new ConfigurationException(
                classes == 0
                    ? $"--class {c}: the model has no classes; leave it out"
                    : $"--class {c}: the model has classes 0 to {classes - 1}"
            );
        if (options.Guidance is not null && options.Class is null)
            throw new ConfigurationException("--cfg: guidance needs --class, the class to guide towards");
    }

    // Synchronous, unlike System.Progress: the bar never lags behind.
    private sealed class Progress(Action<SamplingProgress> report) : IProgress<SamplingProgress>
    {
        public void Report(SamplingProgress value) => report(value);
    }
}
