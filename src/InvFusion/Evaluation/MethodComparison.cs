using System.Diagnostics;
using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Models;
using InvFusion.Restoration;
using static TorchSharp.torch;

namespace InvFusion.Evaluation;

/// <summary>Restores the same degraded images with several models and methods and scores them: the same operators, measurements and starting noise for all.</summary>
/// <param name="images">The clean images; not owned.</param>
/// <param name="batchSize">Images that go through a network together.</param>
/// <param name="seed">Seed of operators and samples; image i has seed + i.</param>
/// <param name="device">Where the networks are; the CPU when null.</param>
public sealed class MethodComparison(IImageSet images, int batchSize = 20, ulong seed = 0, Device? device = null)
{
    /// <summary>One model with one method.</summary>
    /// <param name="Model">What the table calls the model.</param>
    /// <param name="Network">The network; not owned.</param>
    /// <param name="Method">Name of the sampler.</param>
    /// <param name="Options">Its options.</param>
    /// <param name="Project">Whether the images are moved onto the measurement in the end, as <see cref="RestoreOptions.Project"/> does.</param>
    public sealed record Contestant(string Model, PreconditionedNetwork Network, string Method, SamplerOptions Options, bool Project)
    {
        internal string Label => Project ? $"{Method}, projected" : Method;
    }

    /// <summary>Scores H⁺y and every contestant under one degradation on the first images of the set.</summary>
    /// <param name="degradation">The degradation; random ones draw an operator for each image.</param>
    /// <param name="contestants">The contestants; those that need a conditional denoiser get one.</param>
    /// <param name="count">How many images.</param>
    /// <param name="progress">Told (done, all) restored images.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <returns>The rows; images of which this degradation lost nothing (H⁺y is the image) do not count in them.</returns>
    public IReadOnlyList<ComparisonRow> Run(
        DegradationSpec degradation,
        IReadOnlyList<Contestant> contestants,
        int count,
        IProgress<(double Done, double Total)>? progress = null,
        CancellationToken cancellation = default
    )
    {
        foreach (var c in contestants)
            MethodFit.Require($"--model {c.Model}", c.Network.Configuration, c.Method);
        using var noGrad = no_grad();
        var scores = Enumerable.Range(0, contestants.Count + 1).Select(_ => new Scores()).ToArray();
        for (var first = 0; first < count; first += batchSize)
        {
            using var scope = NewDisposeScope();
            var size = Math.Min(batchSize, count - first);
            var truth = Read(first, size);
            using var op = degradation.Build(Shape, size, seed + (ulong)first, device);
            var y = op.Apply(truth.unsqueeze(1));
            var inverse = op.Exact.PseudoInverse(y).squeeze(1);
            // A draw of which nothing was lost leaves nothing to restore, and its PSNR is infinite.
            int[] counted = [.. Enumerable.Range(0, size).Where(i => double.IsFinite(ImageQuality.Psnr(inverse[i], truth[i])))];
            scores[0].Add(truth, inverse, op, y, counted, seconds: 0);
            for (var c = 0; c < contestants.Count; c++)
            {
                var clock = Stopwatch.StartNew();
                using var result = Sample(contestants[c], op, y, first, size, cancellation);
                var restored = contestants[c].Project ? MeasurementProjection.Apply(op, result.Images, y) : result.Images;
                scores[c + 1].Add(truth, restored, op, y, counted, clock.Elapsed.TotalSeconds, result.Evaluations);
                progress?.Report((first * contestants.Count + size * (c + 1), count * contestants.Count));
            }
        }
        return
        [
            scores[0].Row(degradation.Text, "", "H⁺y"),
            .. contestants.Select((c, i) => scores[i + 1].Row(degradation.Text, c.Model, c.Label)),
        ];
    }

    private ImageShape Shape => new(images.Channels, images.Size, images.Size);

    private SamplingResult Sample(Contestant c, LinearOperator op, Tensor y, int first, int size, CancellationToken cancellation)
    {
        var known = Samplers.Find(c.Method).Conditional;
        var request = new SamplingRequest
        {
            Image = Shape,
            Noise = new SampleNoise(Enumerable.Range(first, size).Select(i => seed + (ulong)i), device),
            Problem = new(op, y),
        };
        var denoiser = new NetworkDenoiser(c.Network, known ? new(op, y) : Conditioning.None);
        return Samplers.Create(c.Method, c.Options).Sample(denoiser, request, cancellation: cancellation);
    }

    private Tensor Read(int first, int size)
    {
        var planes = new byte[size * Shape.Length];
        for (var i = 0; i < size; i++)
            images.Read(first + i, planes.AsSpan(i * Shape.Length, Shape.Length));
        return Pictures.ToTensor(planes, Shape, device);
    }

    private sealed class Scores
    {
        private readonly List<double> _psnr = [];
        private readonly List<double> _consistency = [];
        private double _seconds;
        private int _restored;
        private int _evaluations;

        public void Add(Tensor truth, Tensor restored, LinearOperator op, Tensor y, int[] counted, double seconds, int evaluations = 0)
        {
            var consistency = Consistency.RootMeanSquare(op, restored, y);
            foreach (var i in counted)
            {
                _psnr.Add(ImageQuality.Psnr(restored[i], truth[i]));
                _consistency.Add(consistency[i]);
            }
            _seconds += seconds;
            _restored += (int)truth.shape[0];
            _evaluations = evaluations;
        }

        public ComparisonRow Row(string degradation, string model, string method)
        {
            var mean = _psnr.DefaultIfEmpty(double.NaN).Average();
            var variance = _psnr.Sum(p => (p - mean) * (p - mean)) / Math.Max(1, _psnr.Count - 1);
            return new(
                degradation,
                model,
                method,
                _psnr.Count,
                mean,
                Math.Sqrt(variance / _psnr.Count),
                _consistency.DefaultIfEmpty(double.NaN).Average(),
                _evaluations,
                _seconds / _restored
            );
        }
    }
}
