using System.Runtime.Intrinsics;
using InvFusion.Runtime;

namespace InvFusion.Ops.Kernels;

/// <summary>Measures some lines of the feature images: an item is a part of the lines, of all samples of a matrix.</summary>
/// <param name="job">The whole.</param>
/// <param name="tokens">x.</param>
/// <param name="partial"><c>[B, parts, m, O]</c>.</param>
internal readonly unsafe struct MatrixMeasure<T>(MatrixJob<T> job, float* tokens, float* partial) : IRangeWork
    where T : unmanaged, ILane<T>
{
    [ThreadStatic]
    private static Scratch? _scratch;

    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        var lines = new FeatureLines(job.Grid);
        var (size, height) = (lines.Size, job.Grid.Height);
        var features = Scratch.Floats(ref _scratch, 3L * size + ProductTile.MostRows * ProductTile.Columns);
        float* room = features + size,
            sums = features + 3 * size;
        var numbers = (T*)(features + (ProductTile<T>.Depth == 1 ? 0 : 2 * size));
        for (var item = start; item < end; item++)
        {
            var (matrix, part) = Math.DivRem(item, MatrixJob<T>.Parts);
            var (first, last) = job.Samples(matrix);
            for (var sample = first; sample < last; sample++)
                new Span<float>(Part(sample, part), job.Sums).Clear();
            for (var line = part * height / MatrixJob<T>.Parts; line < (part + 1) * height / MatrixJob<T>.Parts; line++)
            for (var sample = first; sample < last; sample++)
            {
                lines.Unfold(tokens, sample, line, features, room);
                if (ProductTile<T>.Depth != 1)
                    Lanes.Narrow(features, numbers, size);
                Add(numbers, matrix, line, Part(sample, part), sums);
            }
        }
    }

    private float* Part(int sample, int part) => partial + ((long)sample * MatrixJob<T>.Parts + part) * job.Sums;

    private void Add(T* numbers, int matrix, int line, float* to, float* sums)
    {
        var (length, features, stride) = (job.Panels.LineLength, job.Grid.Features, job.Panels.Measurements);
        for (var panel = 0; panel < stride / ProductTile.Columns; panel++)
        for (var f = 0; f < features; f += ProductTile.MostRows)
        {
            var high = Math.Min(ProductTile.MostRows, features - f);
            var steps = length / ProductTile<T>.Depth;
            ProductTile<T>.Run(high, numbers + f * length, length, job.Panels.Down(matrix, line, panel), steps, sums);
            for (var i = 0; i < high; i++)
            {
                var at = to + (f + i) * stride + panel * ProductTile.Columns;
                var of = sums + i * ProductTile.Columns;
                (Vector512.Load(at) + Vector512.Load(of)).Store(at);
                (Vector512.Load(at + Lanes.Width) + Vector512.Load(of + Lanes.Width)).Store(at + Lanes.Width);
            }
        }
    }
}
