using System.Runtime.CompilerServices;
using InvFusion.Runtime;
using ComplexLanes = InvFusion.Ops.Kernels.ComplexLanes<float>;
using LaneFourier = InvFusion.Ops.Kernels.LaneFourier<float>;

namespace InvFusion.Ops.Kernels;

/// <summary>z = the mean over the aliases of F·FFT(x): an item is a pair of a sample.</summary>
/// <param name="job">The whole.</param>
internal readonly unsafe struct BlurMeasure(BlurJob job) : IRangeWork
{
    private readonly BlurJob _job = job;

    /// <inheritdoc/>
    public void Run(int start, int end)
    {
        var canvas = new BlurCanvas(_job);
        for (var item = start; item < end; item++)
        {
            var (sample, pair) = Math.DivRem(item, _job.Pairs);
            for (var row = 0; row < _job.Height; row++)
                TransformRow(canvas, _job.First + sample, pair, row);
            for (var column = 0; column < _job.EntryColumns; column++)
                FoldColumn(canvas, sample, pair, column);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void TransformRow(BlurCanvas canvas, int sample, int pair, int row)
    {
        var (fourier, lanes) = (_job.Rows, new PairLanes(_job.Images, pair));
        var from = _job.Row(_job.Tokens, sample, row);
        for (var column = 0; column < fourier.Length; from += _job.Step(column++))
            Put(canvas, column, lanes.Load(from), fourier);
        fourier.Forward(canvas.Even);
        fourier.Forward(canvas.Odd);
        for (var place = 0; place < fourier.Length; place++)
        {
            var frequency = 2 * fourier.Order[place];
            ComplexLanes.Load(canvas.Even + place * ComplexLanes.Size).Store(canvas.Column(frequency) + row * ComplexLanes.Size);
            ComplexLanes.Load(canvas.Odd + place * ComplexLanes.Size).Store(canvas.Column(frequency + 1) + row * ComplexLanes.Size);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FoldColumn(BlurCanvas canvas, int sample, int pair, int column)
    {
        var (fourier, rows) = (_job.Columns, _job.EntryRows);
        new Span<float>(canvas.Sums, rows * ComplexLanes.Size).Clear();
        for (var alias = column; alias < 2 * _job.Width; alias += _job.EntryColumns)
        {
            _job.KernelColumn(_job.First + sample, alias, canvas.Kernel);
            var from = canvas.Column(alias);
            for (var row = 0; row < fourier.Length; row++)
                Put(canvas, row, ComplexLanes.Load(from + row * ComplexLanes.Size), fourier);
            fourier.Forward(canvas.Even);
            fourier.Forward(canvas.Odd);
            for (var place = 0; place < fourier.Length; place++)
            {
                var frequency = 2 * fourier.Order[place];
                Add(canvas, frequency, canvas.Even + place * ComplexLanes.Size, rows - 1);
                Add(canvas, frequency + 1, canvas.Odd + place * ComplexLanes.Size, rows - 1);
            }
        }
        var to = _job.EntryColumn(sample, column) + pair * ComplexLanes.Size;
        for (var row = 0; row < rows; row++)
            ComplexLanes.Load(canvas.Sums + row * ComplexLanes.Size).Store(to + row * _job.EntrySize);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(BlurCanvas canvas, int place, ComplexLanes point, LaneFourier fourier)
    {
        point.Store(canvas.Even + place * ComplexLanes.Size);
        point.Times(fourier.Twist + 2 * place).Store(canvas.Odd + place * ComplexLanes.Size);
    }

    // The rows of entries are a power of two too.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(BlurCanvas canvas, int frequency, float* value, int mask)
    {
        var sum = canvas.Sums + (frequency & mask) * ComplexLanes.Size;
        (ComplexLanes.Load(sum) + ComplexLanes.Load(value).Times(canvas.Kernel + 2 * frequency)).Store(sum);
    }
}
