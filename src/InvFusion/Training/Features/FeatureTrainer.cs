using System.Diagnostics;
using InvFusion.Data;
using InvFusion.Metrics.Features;
using InvFusion.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace InvFusion.Training.Features;

/// <summary>Trains the network of <c>fd_small</c> without labels: two random views of an image are to have features closer than those of other images.</summary>
public static class FeatureTrainer
{
    private const ulong Purpose = 0x7669657773; // "views": keeps these streams apart from others of the same seed
    private const int StepsOfAStatus = 20;
    private const int ScaleImages = 1024;
    private const long BytesOfAStep = 32 << 20;

    /// <summary>Trains on the CPU. Same sets, options and threads, same network.</summary>
    /// <param name="sets">The images; they take turns, one batch each. Not owned.</param>
    /// <param name="options">The run.</param>
    /// <param name="progress">Told every few steps.</param>
    /// <param name="cancellation">Ends the run early; the network is as trained as it is then.</param>
    /// <returns>The averaged network, and the images seen.</returns>
    public static (SmallFeatureNetwork Network, long Images) Train(
        IReadOnlyList<IImageSet> sets,
        FeatureTrainingOptions options,
        IProgress<FeatureTrainingStatus>? progress = null,
        CancellationToken cancellation = default
    )
    {
        ArgumentNullException.ThrowIfNull(sets);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        manual_seed(new RandomStream(options.Seed, 0).NextSeed());
        var network = new SmallFeatureNetwork();
        using var trained = new ContrastiveNetwork(network);
        using var parameters = new FlatParameters(trained);
        using var adam = new FlatAdam(parameters);
        (IImageSet Set, PrefetchingLoader Loader)[] loaders =
        [
            .. sets.Select(set => (set, new PrefetchingLoader(set, new() { BatchSize = options.Batch, Seed = options.Seed }))),
        ];
        try
        {
            var seen = Run(trained, adam, loaders, options, progress, cancellation);
            var result = new SmallFeatureNetwork();
            Finish(network, result, parameters, adam, loaders, options);
            return (result, seen);
        }
        finally
        {
            foreach (var (_, loader) in loaders)
                loader.Dispose();
        }
    }

    private static long Run(
        ContrastiveNetwork network,
        FlatAdam adam,
        (IImageSet Set, PrefetchingLoader Loader)[] loaders,
        FeatureTrainingOptions options,
        IProgress<FeatureTrainingStatus>? progress,
        CancellationToken cancellation
    )
    {
        var schedule = new LearningRateSchedule
        {
            Rate = options.LearningRate,
            ReferenceBatches = 0,
            RampUpImages = options.Images / 50.0,
            CoolDownImages = options.Images / 2.0,
        };
        var average = new EmaSchedule { HalfLifeImages = options.Images / 50.0 };
        var clock = Stopwatch.StartNew();
        var (seen, step, since, loss, found) = (0L, 0, 0, 0.0, 0L);
        for (; seen < options.Images && !cancellation.IsCancellationRequested; step++)
        {
            using var pause = CollectionPause.Begin(BytesOfAStep);
            var (set, loader) = loaders[step % loaders.Length];
            var (l, f) = Step(network, loader.Next(CancellationToken.None), set, seen, options);
            var rate = schedule.OfStep(seen, options.Batch, options.Images);
            seen += options.Batch;
            adam.Step(rate, average.Beta(seen, options.Batch));
            (since, loss, found) = (since + 1, loss + l, found + f);
            if (!double.IsFinite(l))
                throw new DivergenceException($"the loss is no number after {seen} images; use a lower learning rate");
            if (since < StepsOfAStatus && seen < options.Images)
                continue;
            var views = 2.0 * options.Batch * since;
            progress?.Report(new(seen, options.Images, loss / since, found / views, clock.Elapsed.TotalSeconds));
            (since, loss, found) = (0, 0, 0);
        }
        return seen;
    }

    private static (double Loss, long Found) Step(
        ContrastiveNetwork network,
        ImageBatch batch,
        IImageSet set,
        long seen,
        FeatureTrainingOptions options
    )
    {
        using var scope = NewDisposeScope();
        Tensor views;
        using (no_grad())
        {
            var images = Images(batch, set);
            views = cat([Draw(0), Draw(1)]);

            Tensor Draw(ulong view) =>
                ContrastiveViews.Draw(
                    images,
                    [.. Enumerable.Range(0, batch.Count).Select(i => new RandomStream(options.Seed, Purpose, (ulong)(seen + i), view))]
                );
        }
        var (loss, found) = network.Evaluate(views, options.Temperature);
        loss.backward();
        return (loss.ToDouble(), found.ToInt64());
    }

    // The average takes the place of the weights; the head goes.
    private static void Finish(
        SmallFeatureNetwork from,
        SmallFeatureNetwork to,
        FlatParameters parameters,
        FlatAdam adam,
        (IImageSet Set, PrefetchingLoader Loader)[] loaders,
        FeatureTrainingOptions options
    )
    {
        using var pause = CollectionPause.Begin();
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        parameters.Values.copy_(adam.Average);
        var state = from.state_dict();
        foreach (var (name, target) in to.state_dict())
            target.copy_(state[name]);
        var parts = new List<Tensor>();
        for (var count = 0; count < ScaleImages; count += options.Batch)
        {
            var (set, loader) = loaders[parts.Count % loaders.Length];
            parts.Add(Images(loader.Next(CancellationToken.None), set));
        }
        to.ScaleToUnitVariance(cat(parts));
        foreach (var parameter in to.parameters())
            parameter.requires_grad = false;
        to.eval();
    }

    private static Tensor Images(ImageBatch batch, IImageSet set) =>
        SmallFeatureNetwork.Fit(tensor(batch.Values).view(batch.Count, set.Channels, set.Size, set.Size));
}
