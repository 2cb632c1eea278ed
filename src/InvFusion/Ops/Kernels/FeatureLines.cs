using System.Runtime.CompilerServices;

namespace InvFusion.Ops.Kernels;

/// <summary>Moves one line of all feature images from their tokens and back.</summary>
/// <param name="grid">Sizes of the tokens; images are a multiple of eight wide.</param>
internal readonly unsafe struct FeatureLines(FeatureGrid grid)
{
    /// <summary>m·C rounded up: lines that are written and read, the last of them without a meaning.</summary>
    public int Padded => (grid.Features * grid.Channels + AvxTranspose.Side - 1) / AvxTranspose.Side * AvxTranspose.Side;

    /// <summary>Numbers of all lines; as many are needed as room to work.</summary>
    public int Size => Padded * grid.Width;

    /// <summary>From tokens.</summary>
    /// <param name="tokens"><c>[B, h, w, P, P, m, C]</c>.</param>
    /// <param name="sample">The sample.</param>
    /// <param name="line">Line of the images.</param>
    /// <param name="to"><c>[m, C, W]</c>, padded.</param>
    /// <param name="room">Room to work.</param>
    public void Unfold(float* tokens, int sample, int line, float* to, float* room)
    {
        var (pixel, padded) = (grid.Features * grid.Channels, Padded);
        var from = First(tokens, sample, line);
        for (var x = 0; x < grid.Width; x++)
            Copy(from + Offset(x, pixel), room + x * padded, pixel);
        for (var x = 0; x < grid.Width; x += AvxTranspose.Side)
        for (var i = 0; i < padded; i += AvxTranspose.Side)
            AvxTranspose.EightByEight(room + x * padded + i, padded, to + i * grid.Width + x, grid.Width);
    }

    /// <summary>To tokens, every number of that line.</summary>
    /// <param name="from"><c>[m, C, W]</c>, padded.</param>
    /// <param name="sample">The sample.</param>
    /// <param name="line">Line of the images.</param>
    /// <param name="tokens"><c>[B, h, w, P, P, m, C]</c>.</param>
    /// <param name="room">Room to work.</param>
    public void Fold(float* from, int sample, int line, float* tokens, float* room)
    {
        var (pixel, padded) = (grid.Features * grid.Channels, Padded);
        for (var x = 0; x < grid.Width; x += AvxTranspose.Side)
        for (var i = 0; i < padded; i += AvxTranspose.Side)
            AvxTranspose.EightByEight(from + i * grid.Width + x, grid.Width, room + x * padded + i, padded);
        var to = First(tokens, sample, line);
        for (var x = 0; x < grid.Width; x++)
            Copy(room + x * padded, to + Offset(x, pixel), pixel);
    }

    // Where the line begins in the first of its tokens.
    private float* First(float* tokens, int sample, int line)
    {
        var (row, inside) = Math.DivRem(line, grid.Patch);
        return tokens + ((long)sample * grid.Rows + row) * grid.Columns * grid.TokenWidth + inside * (grid.TokenWidth / grid.Patch);
    }

    private int Offset(int x, int pixel)
    {
        var (token, inside) = Math.DivRem(x, grid.Patch);
        return token * grid.TokenWidth + inside * pixel;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy(float* from, float* to, int count) => new ReadOnlySpan<float>(from, count).CopyTo(new(to, count));
}
