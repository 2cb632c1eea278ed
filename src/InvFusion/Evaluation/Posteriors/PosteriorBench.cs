using System.Diagnostics;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using static TorchSharp.torch;

namespace InvFusion.Evaluation.Posteriors;

/// <summary>Samplers against posteriors that are known: exact denoisers in closed form, so that what is left is the sampler's own error.</summary>
public sealed record PosteriorBench
{
    /// <summary>Shape of the images.</summary>
    public ImageShape Image { get; init; } = new(1, 8, 8);

    /// <summary>Samples for each row.</summary>
    public int Samples { get; init; } = 1000;

    /// <summary>Samples for each row of a method of <see cref="Samplers.SlowEvaluations"/> and more; as many as the others when null.</summary>
    public int? SlowSamples { get; init; }

    /// <summary>Seed of operators, truth, measurement noise and samples.</summary>
    public ulong Seed { get; init; }

    /// <summary>One method of the bench.</summary>
    /// <param name="Label">What the table calls it.</param>
    /// <param name="Method">Name of the sampler.</param>
    /// <param name="Options">Its options.</param>
    public sealed record Entry(string Label, string Method, SamplerOptions Options)
    {
        /// <summary>Both forms of every zero-shot method, and the conditional ones.</summary>
        public static IEnumerable<Entry> All(IEnumerable<string> methods, SamplerOptions given) =>
            methods.SelectMany(name =>
            {
                var kind = Samplers.Find(name);
                var options = given.For(kind);
                if (!kind.OptionNames.Contains("variant") || options.Variant is not null)
                    return [new Entry(name, name, options)];
                Entry[] both =
                [
                    new(name, name, options with { Variant = SamplerVariant.Paper }),
                    new($"{name} (reference)", name, options with { Variant = SamplerVariant.Reference }),
                ];
                return kind.OptionNames.Contains("langevin-steps") && options.LangevinSteps is null
                    ? [.. both, new Entry($"{name} (exact draw)", name, options with { LangevinSteps = 0 })]
                    : both;
            });
    }

    /// <summary>Runs every method on one posterior; the first row are exact draws, which is the least distance that this number of samples can have, and beside them those of slow methods.</summary>
    /// <param name="prior">Name of the prior, see <see cref="KnownPriors"/>.</param>
    /// <param name="degradation">The degradation.</param>
    /// <param name="sigmaY">σ_y.</param>
    /// <param name="entries">The methods.</param>
    /// <param name="progress">Told (done, all) methods.</param>
    /// <param name="cancellation">Ends the work.</param>
    public IReadOnlyList<PosteriorRow> Run(
        string prior,
        DegradationSpec degradation,
        double sigmaY,
        IReadOnlyList<Entry> entries,
        IProgress<(double Done, double Total)>? progress = null,
        CancellationToken cancellation = default
    )
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        using var distribution = KnownPriors.Create(prior, Image);
        using var op = degradation.Build(Image, 1, Seed);
        using var dense = new DenseMeasurement(op, sigmaY);
        var truth = distribution.Draw(1, Seed + 1)[0];
        var noise = new SampleNoise([Seed + 2]).Normal(1, op.MeasurementLength);
        var y = dense.Matrix.mv(truth).to(float32).reshape(1, 1, -1) + sigmaY * op.Noise(noise);
        using var posterior = distribution.Condition(dense, y.flatten().to(float64));
        var draws = posterior.Draw(Samples, Seed + 3);
        var rows = new List<PosteriorRow> { Floor("exact draws", Samples) };
        if (SlowSamples is { } few && few != Samples && entries.Any(e => SamplesOf(e) == few))
            rows.Add(Floor($"exact draws, {few}", few));
        var floors = rows.Count;
        foreach (var entry in entries)
        {
            rows.Add(Run(entry));
            progress?.Report((rows.Count - floors, entries.Count));
        }
        return rows;

        PosteriorRow Floor(string label, int samples)
        {
            using var inner = NewDisposeScope();
            var exact = posterior.Draw(samples, Seed + 4);
            var distance = PosteriorDistance.Of(exact, posterior, Like(draws, exact), distribution);
            return new(prior, degradation.Text, sigmaY, label, samples, 0, 0, distance, 0, 0);
        }

        PosteriorRow Run(Entry entry)
        {
            using var inner = NewDisposeScope();
            var (kind, count) = (Samplers.Find(entry.Method), SamplesOf(entry));
            var denoiser = new MixtureDenoiser(kind.Conditional ? posterior : distribution, kind.NeedsDirections ? 3 : 0);
            var request = new SamplingRequest
            {
                Image = Image,
                Noise = new SampleNoise(Enumerable.Range(0, count).Select(i => Seed + 5 + (ulong)i)),
                Problem = new InverseProblem(op, y, sigmaY),
            };
            var clock = Stopwatch.StartNew();
            using var result = Samplers.Create(entry.Method, entry.Options).Sample(denoiser, request, cancellation: cancellation);
            var seconds = clock.Elapsed.TotalSeconds;
            var failed = result.Failures.Count(f => f is not null);
            var good = result.Images.flatten(1).to(float64);
            good = good[good.isfinite().all(1)];
            var distance = failed == count ? null : PosteriorDistance.Of(good, posterior, Like(draws, good), distribution);
            var steps = entry.Options.Steps ?? kind.DefaultSteps;
            return new(
                prior,
                degradation.Text,
                sigmaY,
                entry.Label,
                count,
                steps,
                result.Evaluations,
                distance,
                (double)failed / count,
                seconds,
                kind.PointEstimate
            );
        }
    }

    private int SamplesOf(Entry entry)
    {
        var kind = Samplers.Find(entry.Method);
        return kind.Evaluations(kind.StepsOf(entry.Options)) >= Samplers.SlowEvaluations ? SlowSamples ?? Samples : Samples;
    }

    private static Tensor Like(Tensor draws, Tensor samples) => draws.narrow(0, 0, samples.shape[0]);
}
