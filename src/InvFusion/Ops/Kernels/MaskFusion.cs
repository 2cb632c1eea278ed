using System.Runtime.CompilerServices;
using InvFusion.Runtime;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// A feature degradation whose operator is a mask, g = M gelu(W [y; M x] + b), or its way back: pixel by pixel where the tokens lie, and nothing but zeros where the
/// mask is 0. An item is a row of tokens of a sample; on the way back it is a sample, which has sums of its own.
/// </summary>
/// <param name="grid">Sizes of the tokens.</param>
/// <param name="tokens">x, <c>[B, h, w, P, P, m, C]</c>.</param>
/// <param name="measurements">y, <c>[B, C, H, W]</c>.</param>
/// <param name="mask">0 or 1, <c>[B or 1, 1 or C, H, W]</c>.</param>
/// <param name="masks">Masks: B or 1.</param>
/// <param name="maskChannels">1 or C.</param>
/// <param name="mix">W and b.</param>
/// <param name="output">g, or on the way back the gradient of x, as <paramref name="tokens"/>.</param>
/// <param name="gradient">On the way back that of g, as <paramref name="tokens"/>; else null.</param>
/// <param name="sums">On the way back the gradient of W and b, <c>[B, m, m + 2]</c>, b last.</param>
internal readonly unsafe struct MaskFusion(
    FeatureGrid grid,
    float* tokens,
    float* measurements,
    float* mask,
    int masks,
    int maskChannels,
    FeatureMix mix,
    float* output,
    float* gradient = null,
    float* sums = null
) : IRangeWork
{
    [ThreadStatic]
    private static Scratch? _scratch;

    /// <summary>Items there are.</summary>
    public int Items => grid.Batch * grid.Rows / RowsOfItem;

    private int RowsOfItem => gradient is null ? 1 : grid.Rows;

    // What the mask shows is gathered, sixteen numbers of one feature in a vector, wherever they come from.
    /// <inheritdoc/>
    [SkipLocalsInit]
    public void Run(int start, int end)
    {
        var (features, channels) = (mix.Features, grid.Channels);
        var y = stackalloc float[Lanes.Width];
        var places = stackalloc long[Lanes.Width];
        int plane = grid.Height * grid.Width,
            size = features * channels,
            gathered = 0;
        var length = (3 * features + (gradient is null ? 0 : mix.SumLength)) * Lanes.Width;
        var scratch = Scratch.Floats(ref _scratch, length);
        new Span<float>(scratch, length).Clear();
        new Span<float>(y, Lanes.Width).Clear();
        for (var item = start * RowsOfItem; item < end * RowsOfItem; item++)
        {
            var (sample, row) = (item / grid.Rows, item % grid.Rows);
            var offset = (long)item * grid.Columns * grid.TokenWidth; // of this row of tokens
            new Span<float>(output + offset, grid.Columns * grid.TokenWidth).Clear();
            var seen = mask + (long)(masks == 1 ? 0 : sample) * maskChannels * plane;
            var measured = measurements + (long)sample * channels * plane;
            for (var column = 0; column < grid.Columns; column++)
            for (var i = 0; i < grid.Patch; i++)
            for (var j = 0; j < grid.Patch; j++, offset += size)
            {
                var at = (row * grid.Patch + i) * grid.Width + column * grid.Patch + j;
                for (var c = 0; c < channels; c++)
                {
                    if (seen[(maskChannels == 1 ? 0 : c) * plane + at] == 0)
                        continue;
                    y[gathered] = measured[c * plane + at];
                    places[gathered] = offset + c;
                    if (++gathered == Lanes.Width)
                    {
                        Mix(y, places, gathered, scratch);
                        gathered = 0;
                    }
                }
            }
            if (gradient is not null && row == grid.Rows - 1)
            {
                Mix(y, places, gathered, scratch);
                gathered = 0;
                var all = scratch + 3 * features * Lanes.Width;
                mix.AddUp(all, sums + (long)sample * mix.SumLength);
                new Span<float>(all, mix.SumLength * Lanes.Width).Clear();
            }
        }
        Mix(y, places, gathered, scratch);
    }

    private void Mix(float* y, long* places, int count, float* scratch)
    {
        var features = mix.Features;
        float* slopes = scratch + features * Lanes.Width,
            mixed = slopes + features * Lanes.Width;
        Gather(tokens, places, count, scratch);
        if (gradient is null)
            mix.Sixteen(y, scratch, mixed);
        else
        {
            new Span<float>(slopes, features * Lanes.Width).Clear(); // what is not gathered adds nothing to the sums
            Gather(gradient, places, count, slopes);
            mix.SixteenBack(y, scratch, slopes, mixed, mixed + features * Lanes.Width);
        }
        for (var lane = 0; lane < count; lane++)
        {
            var to = output + places[lane];
            for (var f = 0; f < features; f++)
                to[f * grid.Channels] = mixed[f * Lanes.Width + lane];
        }
    }

    private void Gather(float* numbers, long* places, int count, float* to)
    {
        for (var lane = 0; lane < count; lane++)
        {
            var from = numbers + places[lane];
            for (var f = 0; f < mix.Features; f++)
                to[f * Lanes.Width + lane] = from[f * grid.Channels];
        }
    }
}

/// <summary>Sizes of a grid of tokens that unfold to feature images.</summary>
/// <param name="Batch">B.</param>
/// <param name="Rows">h.</param>
/// <param name="Columns">w.</param>
/// <param name="Patch">P.</param>
/// <param name="Features">m.</param>
/// <param name="Channels">C.</param>
internal readonly record struct FeatureGrid(int Batch, int Rows, int Columns, int Patch, int Features, int Channels)
{
    /// <summary>d = P·P·m·C.</summary>
    public int TokenWidth => Patch * Patch * Features * Channels;

    /// <summary>H in pixels.</summary>
    public int Height => Rows * Patch;

    /// <summary>W in pixels.</summary>
    public int Width => Columns * Patch;
}
