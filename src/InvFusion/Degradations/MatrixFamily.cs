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
        for (var i = 0; i < samples.Count; i++)
        {
            var rows = samples[i].NextInt(Math.Min(MinRows, most), most + 1);
            using var generator = new Generator((ulong)samples[i].NextSeed());
            using var drawn = randn([rows, image.Length], generator: generator);
            using var target = matrix[i].narrow(0, 0, rows);
            target.copy_(Normalise(drawn));
        }
        return new MatrixOperator(image, matrix.to(device ?? CPU));
    }

    /// <summary>Rows of unit norm.</summary>
    internal static Tensor Normalise(Tensor rows) => rows / rows.norm(-1, keepdim: true);
}
