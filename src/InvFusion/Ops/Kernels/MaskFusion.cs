using InvFusion.Runtime;

namespace InvFusion.Ops.Kernels;

/// <summary>A feature degradation whose operator is a mask: pixel by pixel where the tokens lie, and nothing but zeros where the mask is 0.</summary>
internal static unsafe class MaskFusion
{
    /// <summary>g = M gelu(W [y; M x] + b).</summary>
    /// <param name="grid">Sizes of the tokens.</param>
    /// <param name="tokens">x, <c>[B, h, w, P, P, m, C]</c>.</param>
    /// <param name="measurements">y, <c>[B, C, H, W]</c>.</param>
    /// <param name="mask">0 or 1, <c>[B or 1, 1 or C, H, W]</c>.</param>
    /// <param name="masks">Masks: B or 1.</param>
    /// <param name="maskChannels">1 or C.</param>
    /// <param name="mix">W and b.</param>
    /// <param name="output">g, as <paramref name="tokens"/>.</param>
    public static void Run(
        FeatureGrid grid,
        float* tokens,
        float* measurements,
        float* mask,
        int masks,
        int maskChannels,
        FeatureMix mix,
        float* output
    ) => CpuTeam.For(grid.Batch * grid.Rows, 1, new Work(grid, tokens, measurements, mask, masks, maskChannels, mix, output));

    private readonly struct Work(
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
        public void Run(int start, int end)
        {
            var scratch = stackalloc float[3 * mix.Padded];
            var y = stackalloc float[grid.Channels];
            var seen = stackalloc bool[grid.Channels];
            for (var item = start; item < end; item++)
            {
                var (sample, row) = (item / grid.Rows, item % grid.Rows);
                var offset = (long)item * grid.Columns * grid.TokenWidth; // of this row of tokens
                for (var column = 0; column < grid.Columns; column++)
                for (var i = 0; i < grid.Patch; i++)
                for (var j = 0; j < grid.Patch; j++, offset += mix.Features * grid.Channels)
                    Pixel(sample, row * grid.Patch + i, column * grid.Patch + j, offset, y, seen, scratch);
            }
        }

        private void Pixel(int sample, int row, int column, long offset, float* y, bool* seen, float* scratch)
        {
            int plane = grid.Height * grid.Width,
                at = row * grid.Width + column,
                visible = 0;
            for (var c = 0; c < grid.Channels; c++)
            {
                seen[c] = mask[((long)(masks == 1 ? 0 : sample) * maskChannels + (maskChannels == 1 ? 0 : c)) * plane + at] != 0;
                visible += seen[c] ? 1 : 0;
                y[c] = measurements[((long)sample * grid.Channels + c) * plane + at];
            }
            var size = mix.Features * grid.Channels;
            if (visible < grid.Channels)
                new Span<float>(output + offset, size).Clear();
            if (visible == 3 && grid.Channels == 3)
                mix.EntryOfThree(y, tokens + offset, output + offset, scratch);
            else if (visible > 0)
                for (var c = 0; c < grid.Channels; c++)
                    if (seen[c])
                        mix.Entry(y[c], tokens + offset + c, output + offset + c, grid.Channels, scratch);
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
