using System.Runtime.CompilerServices;
using InvFusion.Runtime;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// A feature degradation whose operator is a mask, g = M gelu(W [y; M x] + b): pixel by pixel where the tokens lie, and nothing but zeros where the mask is 0. An item
/// is a row of tokens of a sample.
/// </summary>
/// <param name="grid">Sizes of the tokens.</param>
/// <param name="tokens">x, <c>[B, h, w, P, P, m, C]</c>.</param>
/// <param name="measurements">y, <c>[B, C, H, W]</c>.</param>
/// <param name="mask">0 or 1, <c>[B or 1, 1 or C, H, W]</c>.</param>
/// <param name="masks">Masks: B or 1.</param>
/// <param name="maskChannels">1 or C.</param>
/// <param name="mix">W and b.</param>
/// <param name="output">g, as <paramref name="tokens"/>.</param>
internal readonly unsafe struct MaskFusion(
    FeatureGrid grid,
    float* tokens,
    float* measurements,
    float* mask,
    int masks,
    int maskChannels,
    FeatureMix mix,
    float* output
) : IRangeWork
{
    // What the mask shows is gathered, sixteen numbers of one feature in a vector, wherever they come from.
    /// <inheritdoc/>
    [SkipLocalsInit]
    public void Run(int start, int end)
    {
        var (features, channels) = (mix.Features, grid.Channels);
        var y = stackalloc float[Lanes.Width];
        var places = stackalloc long[Lanes.Width];
        var scratch = stackalloc float[2 * features * Lanes.Width];
        int plane = grid.Height * grid.Width,
            size = features * channels,
            gathered = 0;
        new Span<float>(scratch, 2 * features * Lanes.Width).Clear();
        new Span<float>(y, Lanes.Width).Clear();
        for (var item = start; item < end; item++)
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
        }
        Mix(y, places, gathered, scratch);
    }

    private void Mix(float* y, long* places, int count, float* scratch)
    {
        var (features, channels) = (mix.Features, grid.Channels);
        var mixed = scratch + features * Lanes.Width;
        for (var lane = 0; lane < count; lane++)
        {
            var from = tokens + places[lane];
            for (var f = 0; f < features; f++)
                scratch[f * Lanes.Width + lane] = from[f * channels];
        }
        mix.Sixteen(y, scratch, mixed);
        for (var lane = 0; lane < count; lane++)
        {
            var to = output + places[lane];
            for (var f = 0; f < features; f++)
                to[f * channels] = mixed[f * Lanes.Width + lane];
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
