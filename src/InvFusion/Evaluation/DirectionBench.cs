using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Distributed;
using InvFusion.Models;
using InvFusion.Restoration;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Evaluation;

/// <summary>
/// How much of the error e = x - E[x|y] the K principal directions of a network explain, Σ_k ⟨e, w_k⟩²/‖e‖² (Nehme et al., NPPC, section 4), beside K directions
/// that need no such network: random ones, and the principal components of the errors of other images, which are the same for every image.
/// </summary>
public sealed class DirectionBench
{
    private const ulong Purpose = 0x6E707063; // a stream that no sampler and no operator draws from
    private const ulong OtherImages = 1UL << 32; // added to the seed: their operators are not those of the images that count

    private const string Method = "nppc";

    private readonly Contestant _contestant;
    private readonly DegradationSpec _degradation;
    private readonly ComparisonOptions _options;

    /// <summary>Prepares the bench.</summary>
    /// <param name="network">A network with directions; not owned.</param>
    /// <param name="degradation">The degradation; random ones draw an operator for each image.</param>
    /// <param name="options">Count, batches, seeds, noise and device.</param>
    /// <exception cref="ConfigurationException">The network has no directions, or an option is out of range.</exception>
    public DirectionBench(PreconditionedNetwork network, DegradationSpec degradation, ComparisonOptions options)
    {
        ArgumentNullException.ThrowIfNull(network);
        options.Validate();
        MethodFit.Require("--model", network.Configuration, Method);
        (_degradation, _options) = (degradation, options);
        _contestant = new("", network, Method, new(), Project: false);
    }

    private NetworkConfiguration Network => _contestant.Network.Configuration;

    private int Directions => Network.Directions;

    /// <summary>The row of the first images of a set.</summary>
    /// <param name="images">The images that count; not owned.</param>
    /// <param name="others">Images whose errors give the principal components; not owned.</param>
    /// <param name="otherCount">How many of them.</param>
    /// <param name="progress">Told (done, all) images.</param>
    /// <param name="cancellation">Ends the work.</param>
    public DirectionRow Run(
        IImageSet images,
        IImageSet others,
        int otherCount,
        IProgress<(double Done, double Total)>? progress = null,
        CancellationToken cancellation = default
    )
    {
        Require(images, _options.Count, "--num");
        Require(others, otherCount, "--num-fit");
        if (otherCount <= Directions)
            throw new ConfigurationException($"--num-fit {otherCount}: must be more than the {Directions} directions");
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        double total = _options.Count + otherCount;
        using var components = Components(others, otherCount, n => progress?.Report((n, total)), cancellation);
        var scores = new List<double[]>();
        double expected = 0,
            found = 0; // Σ s_k² and Σ ⟨e, w_k⟩²
        var degraded = new DegradedImages(images, _degradation, _options);
        foreach (var batch in degraded.Read(_options.Count, new SingleProcess()))
        {
            cancellation.ThrowIfCancellationRequested();
            using var inner = NewDisposeScope();
            var (error, own) = Restore(batch);
            var lengths = own.norm(2); // s_k
            var along = bmm(own / lengths.unsqueeze(-1).clamp_min(1e-20), error.unsqueeze(-1)).squeeze(-1).square();
            var power = error.square().sum(1);
            expected += lengths.square().sum().item<double>();
            found += along.sum().item<double>();
            var fixedOnes = components.expand(batch.Size, -1, -1);
            Tensor[] shares =
            [
                along.sum([1]) / power,
                Share(LeftOpen(batch.Operator, Random(batch.Seeds)), error, power),
                Share(fixedOnes, error, power),
                Share(LeftOpen(batch.Operator, fixedOnes), error, power),
            ];
            using var table = stack(shares, 1).cpu();
            var values = TensorMemory.Numbers<double>(table);
            var kept = TensorMemory.Numbers<double>(power.cpu());
            for (var i = 0; i < batch.Size; i++)
                if (kept[i] > 0)
                    scores.Add(values[(i * shares.Length)..((i + 1) * shares.Length)]);
            progress?.Report((otherCount + batch.First + batch.Size, total));
        }
        Estimate Column(int i) => Estimate.Of([.. scores.Select(s => s[i])]);
        return new()
        {
            Degradation = _degradation.Text,
            SigmaY = _options.SigmaY,
            Images = scores.Count,
            Directions = Directions,
            Explained = Column(0),
            Random = Column(1),
            Components = Column(2),
            ComponentsLeftOpen = Column(3),
            DeviationRatio = Math.Sqrt(expected / found),
        };
    }

    private static void Require(IImageSet images, int count, string option)
    {
        if (count < 1 || count > images.Count)
            throw new ConfigurationException($"{option} {count}: must be 1 to {images.Count}, the images of the set");
    }

    // e = x - E[x|y], [B, N], and the directions [B, K, N] of a batch.
    private (Tensor Error, Tensor Directions) Restore(DegradedImages.Batch batch)
    {
        using var scope = NewDisposeScope();
        var result = BatchSampler.Restore(_contestant, batch, batch.Operator, _options, progress: null, CancellationToken.None);
        result.ThrowIfFailed();
        var error = (batch.Truth - result.Images).flatten(1).to_type(ScalarType.Float64);
        var directions = result.Directions!.flatten(2).to_type(ScalarType.Float64);
        return (error.MoveToOuterDisposeScope(), directions.MoveToOuterDisposeScope());
    }

    // Orthonormal, [1, K, N]: the eigenvectors of E Eᵀ give those of Eᵀ E, for errors E, [n, N], of far fewer images than pixels.
    private Tensor Components(IImageSet images, int count, Action<double> done, CancellationToken cancellation)
    {
        using var scope = NewDisposeScope();
        var errors = new List<Tensor>();
        var options = _options with { Seed = _options.Seed + OtherImages };
        var degraded = new DegradedImages(images, _degradation, options);
        foreach (var batch in degraded.Read(count, new SingleProcess()))
        {
            cancellation.ThrowIfCancellationRequested();
            var (error, directions) = Restore(batch);
            directions.Dispose();
            errors.Add(error);
            done(batch.First + batch.Size);
        }
        var all = cat(errors, 0);
        var (_, vectors) = linalg.eigh(all.mm(all.t()));
        var largest = vectors.narrow(1, count - Directions, Directions);
        return Orthonormal(largest.t().mm(all).unsqueeze(0)).MoveToOuterDisposeScope();
    }

    // Standard normals, [B, K, N].
    private Tensor Random(ulong[] seeds)
    {
        var c = Network;
        var length = Directions * c.Channels * c.Resolution * c.Resolution;
        var values = new float[seeds.Length * length];
        for (var i = 0; i < seeds.Length; i++)
            new RandomStream(seeds[i], Purpose).FillNormal(values.AsSpan(i * length, length));
        using var all = tensor(values);
        return all.to(_options.Device ?? CPU).view(seeds.Length, Directions, -1);
    }

    // What is left of directions [B, K, N] without what the measurement sees of them, orthonormal.
    private Tensor LeftOpen(LinearOperator op, Tensor directions)
    {
        using var scope = NewDisposeScope();
        var (channels, size) = (Network.Channels, Network.Resolution);
        var images = directions.to_type(ScalarType.Float32).reshape(directions.shape[0], -1, channels, size, size);
        var rest = images - op.Exact.PseudoInverse(op.Exact.Apply(images));
        // A direction that is seen whole leaves rounding errors, which are none.
        var seen = rest.flatten(2).norm(2) < 1e-3 * images.flatten(2).norm(2);
        return (Orthonormal(rest.flatten(2)) * seen.logical_not().unsqueeze(-1)).MoveToOuterDisposeScope();
    }

    private static Tensor Orthonormal(Tensor directions)
    {
        using var scope = NewDisposeScope();
        var (vectors, norms) = PrincipalDirections.Orthogonalize(directions.to_type(ScalarType.Float64));
        return (vectors / norms.unsqueeze(-1).clamp_min(1e-20)).MoveToOuterDisposeScope();
    }

    private static Tensor Share(Tensor orthonormal, Tensor error, Tensor power)
    {
        using var scope = NewDisposeScope();
        var along = bmm(orthonormal.to_type(ScalarType.Float64), error.unsqueeze(-1)).squeeze(-1);
        return (along.square().sum([1]) / power).MoveToOuterDisposeScope();
    }
}
