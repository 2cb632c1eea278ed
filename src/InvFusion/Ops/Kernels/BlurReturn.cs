using System.Runtime.CompilerServices;
using InvFusion.Runtime;
using ComplexLanes = InvFusion.Ops.Kernels.ComplexLanes<float>;
using LaneFourier = InvFusion.Ops.Kernels.LaneFourier<float>;

namespace InvFusion.Ops.Kernels;

/// <summary>g = Re IFFT(tile(entries)·conj(F)), cropped: an item is a pair of a sample.</summary>
/// <param name="job">The whole.</param>
internal readonly unsafe struct BlurReturn(BlurJob job) : IRangeWork
{
    private readonly BlurJob _job = job;

    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        var canvas = new BlurCanvas(_job);
        for (var item = start; item < end; item++)
        {
            var (sample, pair) = Math.DivRem(item, _job.Pairs);
            for (var column = 0; column < _job.EntryColumns; column++)
                SpreadColumn(canvas, sample, pair, column);
            for (var row = 0; row < _job.Height; row++)
                TransformRow(canvas, _job.First + sample, pair, row);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void SpreadColumn(BlurCanvas canvas, int sample, int pair, int column)
    {
        var (fourier, rows) = (_job.Columns, _job.EntryRows);
        var from = _job.EntryColumn(sample, column) + pair * ComplexLanes.Size;
        for (var row = 0; row < rows; row++)
            ComplexLanes.Load(from + row * _job.EntrySize).Store(canvas.Sums + row * ComplexLanes.Size);
        for (var alias = column; alias < 2 * _job.Width; alias += _job.EntryColumns)
        {
            _job.KernelColumn(_job.First + sample, alias, canvas.Kernel);
            for (var place = 0; place < fourier.Length; place++)
            {
                var frequency = 2 * fourier.Order[place];
                Take(canvas, frequency, rows - 1).Store(canvas.Even + place * ComplexLanes.Size);
                Take(canvas, frequency + 1, rows - 1).Store(canvas.Odd + place * ComplexLanes.Size);
            }
            fourier.Inverse(canvas.Even);
            fourier.Inverse(canvas.Odd);
            var to = canvas.Column(alias);
            for (var row = 0; row < fourier.Length; row++)
                Point(canvas, row, fourier).Store(to + row * ComplexLanes.Size);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void TransformRow(BlurCanvas canvas, int sample, int pair, int row)
    {
        var (fourier, lanes) = (_job.Rows, new PairLanes(_job.Images, pair));
        for (var place = 0; place < fourier.Length; place++)
        {
            var frequency = 2 * fourier.Order[place];
            ComplexLanes.Load(canvas.Column(frequency) + row * ComplexLanes.Size).Store(canvas.Even + place * ComplexLanes.Size);
            ComplexLanes.Load(canvas.Column(frequency + 1) + row * ComplexLanes.Size).Store(canvas.Odd + place * ComplexLanes.Size);
        }
        fourier.Inverse(canvas.Even);
        fourier.Inverse(canvas.Odd);
        var to = _job.Row(_job.Output, sample, row);
        for (var column = 0; column < fourier.Length; to += _job.Step(column++))
            lanes.Store(to, Point(canvas, column, fourier));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ComplexLanes Take(BlurCanvas canvas, int frequency, int mask) =>
        ComplexLanes.Load(canvas.Sums + (frequency & mask) * ComplexLanes.Size).TimesConjugate(canvas.Kernel + 2 * frequency);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ComplexLanes Point(BlurCanvas canvas, int place, LaneFourier fourier) =>
        ComplexLanes.Load(canvas.Even + place * ComplexLanes.Size)
        + ComplexLanes.Load(canvas.Odd + place * ComplexLanes.Size).TimesConjugate(fourier.Twist + 2 * place);
}
