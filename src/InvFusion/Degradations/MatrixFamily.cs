using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Few random linear measurements: rows from N(0, I), normalised; each sample keeps its own number of rows.</summary>
public sealed class MatrixFamily : DegradationFamily
{
    /// <summary>The smallest number of rows.</summary>
    public int MinRows { get; init; } = 2;

    /// <summary>The largest number of rows, and the length of every measurement.</summary>
    public int MaxRows { get; init; } = 128;

    /// <inheritdoc/>
    public override string Name => "matrix";

    /// <inheritdoc/>
    public override LinearOperator Draw(ImageShape image, IReadOnlyList<RandomStream> samples, RandomStream batch, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(samples);
        using var scope = NewDisposeScope();
        var most = Math.Min(MaxRows, image.Length);
        var matrix = zeros(samples.Count, most, image.Length);
        var drawn = new Tensor[samples.Count];
        var generators = new Generator[samples.Count];
        for (var i = 0; i < samples.Count; i++)
        {
            var rows = samples[i].NextInt(Math.Min(MinRows, most), most + 1);
            generators[i] = new Generator((ulong)samples[i].NextSeed());
            drawn[i] = matrix[i].narrow(0, 0, rows);
        }
        // Each has a generator of its own, which is slow and uses one processor.
        Parallel.For(0, samples.Count, new() { MaxDegreeOfParallelism = get_num_threads() }, i => drawn[i].normal_(0, 1, generators[i]));
        foreach (var generator in generators)
            generator.Dispose();
        return new MatrixOperator(image, matrix.div_(Norms(matrix)).to(device ?? CPU));
    }

    /// <summary>What makes rows of unit norm when they are divided by it, <c>[B, O, 1]</c>; rows of zeros stay what they are.</summary>
    internal static Tensor Norms(Tensor rows) => rows.norm(-1, keepdim: true).clamp_min_(1e-30f);
}
