using InvFusion.Runtime;

namespace InvFusion.Ops.Kernels;

/// <summary>Hᵀv, line by line into the tokens: an item is a line, of all samples of a matrix.</summary>
/// <param name="job">The whole.</param>
/// <param name="v"><c>[B, m, O]</c>, with what fills up panels.</param>
/// <param name="output">fold(Hᵀv).</param>
internal readonly unsafe struct MatrixReturn<T>(MatrixJob<T> job, T* v, float* output) : IRangeWork
    where T : unmanaged, ILane<T>
{
    [ThreadStatic]
    private static Scratch? _scratch;

    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        var lines = new FeatureLines(job.Grid);
        var features = Scratch.Floats(ref _scratch, 2L * lines.Size);
        new Span<float>(features, lines.Size).Clear();
        for (var item = start; item < end; item++)
        {
            var (matrix, line) = Math.DivRem(item, job.Grid.Height);
            var (first, last) = job.Samples(matrix);
            for (var sample = first; sample < last; sample++)
            {
                Fill(v + (long)sample * job.Sums, matrix, line, features);
                lines.Fold(features, sample, line, output, features + lines.Size);
            }
        }
    }

    private void Fill(T* of, int matrix, int line, float* to)
    {
        var (length, inputs, features) = (job.Panels.LineLength, job.Panels.Measurements, job.Grid.Features);
        for (var panel = 0; panel < length / ProductTile.Columns; panel++)
        for (var f = 0; f < features; f += ProductTile.MostRows)
        {
            var high = Math.Min(ProductTile.MostRows, features - f);
            var at = to + f * length + panel * ProductTile.Columns;
            ProductTile<T>.Run(
                high,
                of + f * inputs,
                inputs,
                job.Panels.Up(matrix, line, panel),
                inputs / ProductTile<T>.Depth,
                at,
                length
            );
        }
    }
}
