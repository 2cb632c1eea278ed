using System.Diagnostics;
using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Distributed;
using InvFusion.Restoration;
using static TorchSharp.torch;

namespace InvFusion.Evaluation;

/// <summary>
/// Restores the same images, degraded in one way, with several models and methods and scores them: the same operators, measurements, noise and starting noise for
/// all. A row is a call, so that a caller keeps those that are done.
/// </summary>
/// <remarks>
/// With noise, H⁺y stands for the least that a restoration should reach, and plain H⁺ would blow the noise up. It is damped then:
/// Hᵀ(HHᵀ + λ²)⁻¹y with λ = σ_y/0.5 is the posterior mean under an isotropic Gaussian prior of EDM's σ_d = 0.5, the Wiener filter of someone who knows nothing
/// else about images. Without noise it is H⁺ itself.
/// </remarks>
public sealed class MethodComparison
{
    private const double DataStd = 0.5; // σ_d

    private readonly DegradedImages _images;
    private readonly ComparisonOptions _options;
    private readonly string _degradation;
    private readonly ICollective _ranks;
    private double[]? _baseline; // PSNR of H⁺y of each image

    /// <summary>Prepares a comparison.</summary>
    /// <param name="images">The clean images; not owned.</param>
    /// <param name="degradation">The degradation; random ones draw an operator for each image.</param>
    /// <param name="options">What all rows share.</param>
    /// <param name="ranks">The processes that share the work batch by batch, or null for this one alone; not owned. Each gets the whole rows.</param>
    /// <exception cref="ConfigurationException">An option is out of range.</exception>
    public MethodComparison(IImageSet images, DegradationSpec degradation, ComparisonOptions options, ICollective? ranks = null)
    {
        options.Validate();
        if (options.Count > images.Count)
            throw new ConfigurationException($"--num {options.Count}: must be 1 to {images.Count}, the images of the set");
        (_images, _options, _degradation) = (new(images, degradation, options), options, degradation.Text);
        _ranks = ranks ?? new SingleProcess();
    }

    /// <summary>Keeps the first images of every row, as far as this rank has them; null for none. Of larger counts than a batch only the first batch's are kept.</summary>
    public ComparisonPictures? Pictures { get; init; }

    /// <summary>The row of H⁺y, of all images.</summary>
    /// <param name="progress">Told (done, all) images.</param>
    /// <param name="cancellation">Ends the work.</param>
    public ComparisonRow PseudoInverse(IProgress<(double Done, double Total)>? progress = null, CancellationToken cancellation = default)
    {
        var label = _options.SigmaY > 0 ? "H⁺y, damped by σ_y/0.5" : "H⁺y";
        var sigma = _options.SigmaY / DataStd;
        var (row, psnr) = WithoutNetwork(label, b => b.Operator.Exact.PseudoInverse(b.Measurements, sigma), progress, cancellation);
        _baseline = psnr;
        return row;
    }

    /// <summary>The row of the best linear estimate (<see cref="LinearOperator.LinearEstimate(Tensor, Tensor)"/>), of all images: what can be had without a network.</summary>
    /// <param name="progress">Told (done, all) images.</param>
    /// <param name="cancellation">Ends the work.</param>
    public ComparisonRow LinearEstimate(IProgress<(double Done, double Total)>? progress = null, CancellationToken cancellation = default)
    {
        if (_baseline is null)
            PseudoInverse(cancellation: cancellation);
        return WithoutNetwork("linear", b => b.Operator.Exact.LinearEstimate(b.Measurements, NoiseLevel), progress, cancellation).Row;
    }

    /// <summary>The row of one contestant, on the first images; those of which the degradation lost nothing (H⁺y is the image) do not count in it.</summary>
    /// <param name="contestant">Who restores.</param>
    /// <param name="count">How many images; null for all.</param>
    /// <param name="progress">Told (done, all) evaluations, counted in images.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="ConfigurationException">The network cannot be used with the method.</exception>
    public ComparisonRow Run(
        Contestant contestant,
        int? count = null,
        IProgress<(double Done, double Total)>? progress = null,
        CancellationToken cancellation = default
    )
    {
        ArgumentNullException.ThrowIfNull(contestant);
        MethodFit.Require($"--model {contestant.Model}", contestant.Network.Configuration, contestant.Method);
        using var noGrad = no_grad();
        if (_baseline is null)
            PseudoInverse(cancellation: cancellation);
        PeakMemory.Mark();
        var wanted = Math.Min(count ?? _options.Count, _options.Count);
        var project = contestant.Project && _options.SigmaY == 0;
        using var scores = new ComparisonScores(wanted, _options.Metrics);
        foreach (var batch in _images.Read(wanted, _ranks))
        {
            using var scope = NewDisposeScope();
            using var op = new CountingOperator(batch.Operator);
            var told = new Progress(batch, wanted, contestant.Evaluations, progress);
            var clock = Stopwatch.StartNew();
            using var result = BatchSampler.Restore(contestant, batch, op, _options, told, cancellation);
            var restored = project ? MeasurementProjection.Apply(op, result.Images, batch.Measurements) : result.Images;
            var seconds = clock.Elapsed.TotalSeconds;
            if (batch.First == 0)
                Pictures?.Add($"{contestant.Label}, {contestant.Method}", restored);
            scores.Add(batch, restored, _baseline.AsSpan(batch.First, batch.Size), seconds, op, result.Failures);
        }
        var label = project ? $"{contestant.Method}, projected" : contestant.Method;
        var named = Named(contestant.Label, label, contestant.Evaluations) with { UnconditionalSide = contestant.OnUnconditionalSide };
        return scores.Row(named, _ranks);
    }

    private Tensor NoiseLevel => tensor([(float)_options.SigmaY], device: _options.Device);

    private (ComparisonRow Row, double[] Psnr) WithoutNetwork(
        string label,
        Func<DegradedImages.Batch, Tensor> estimate,
        IProgress<(double Done, double Total)>? progress,
        CancellationToken cancellation
    )
    {
        using var noGrad = no_grad();
        PeakMemory.Mark();
        using var scores = new ComparisonScores(_options.Count, _options.Metrics);
        var all = new double[_options.Count];
        foreach (var batch in _images.Read(_options.Count, _ranks))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var clock = Stopwatch.StartNew();
            var images = estimate(batch).squeeze(1);
            var seconds = clock.Elapsed.TotalSeconds;
            if (batch.First == 0 && _baseline is null)
                Pictures?.Begin(batch);
            if (batch.First == 0)
                Pictures?.Add(label, images);
            double[] psnr = [.. Enumerable.Range(0, batch.Size).Select(i => ImageQuality.Psnr(images[i], batch.Truth[i]))];
            scores.Add(batch, images, _baseline is null ? psnr : _baseline.AsSpan(batch.First, batch.Size), seconds, counts: null);
            psnr.CopyTo(all, batch.First);
            progress?.Report((batch.First + batch.Size, _options.Count));
        }
        _ranks.Reduce(all, Reduction.Sum); // the others have left 0 there
        return (scores.Row(Named("", label, 0), _ranks), all);
    }

    private ComparisonRow Named(string model, string method, int evaluations) =>
        new()
        {
            Degradation = _degradation,
            SigmaY = _options.SigmaY,
            Model = model,
            Method = method,
            Evaluations = evaluations,
        };

    private sealed class Progress(DegradedImages.Batch batch, int images, int evaluations, IProgress<(double Done, double Total)>? target)
        : IProgress<SamplingProgress>
    {
        public void Report(SamplingProgress value) =>
            target?.Report(((double)batch.First * evaluations + batch.Size * value.Evaluations, (double)images * evaluations));
    }
}
