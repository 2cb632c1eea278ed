using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace InvFusion.Ops.Kernels;

/// <summary>Queries and keys of one head, normalised (<see cref="CosineSimilarity"/>) and rotated (<see cref="AxialRope"/>), as the tiles of an attention want them.</summary>
/// <param name="shape">Sizes.</param>
/// <param name="cos">Cosines of the head's first token.</param>
/// <param name="sinOffset">From a cosine to its sine.</param>
/// <param name="ropeStride">From a token's cosines to the next one's.</param>
/// <param name="root">√s of the head.</param>
internal readonly unsafe struct AttentionRows(AttentionShape shape, float* cos, long sinOffset, int ropeStride, float root)
{
    private const int MostChannels = 512;

    /// <summary>One query or key: <c>[padded e]</c> numbers, of which those behind e are 0.</summary>
    /// <param name="from">Its projection.</param>
    /// <param name="rest">Added to it first, or null.</param>
    /// <param name="token">Its place on the grid.</param>
    /// <param name="to">Receives it; room for e and one vector more.</param>
    /// <returns>√s/‖x‖, by which it was multiplied.</returns>
    public float Turn<T>(T* from, T* rest, int token, float* to)
        where T : unmanaged, ILane<T>
    {
        var x = stackalloc float[MostChannels];
        var (width, quarter) = (shape.HeadWidth, shape.Quarter);
        var squares = Vector512<float>.Zero;
        for (var i = 0; i < width; i += Lanes.Width)
        {
            var value = Lanes.LoadPart(from + i, width - i);
            if (rest != null)
                value += Lanes.LoadPart(rest + i, width - i);
            value.Store(x + i);
            squares = Vector512.FusedMultiplyAdd(value, value, squares);
        }
        var factor = root / MathF.Sqrt(Vector512.Sum(squares) + (float)CosineSimilarity.Epsilon);
        float* c = cos + (long)token * ropeStride,
            s = c + sinOffset;
        // Whole vectors reach over the end of a part; the next part, written later, is in order again. Hence the order, and the room behind the last one.
        for (var i = 0; i < quarter; i += Lanes.Width)
        {
            Vector512<float> a = Vector512.Load(x + i),
                b = Vector512.Load(x + quarter + i);
            (factor * (a * Vector512.Load(c + i) - b * Vector512.Load(s + i))).Store(to + i);
        }
        for (var i = 0; i < quarter; i += Lanes.Width)
        {
            Vector512<float> a = Vector512.Load(x + i),
                b = Vector512.Load(x + quarter + i);
            (factor * (b * Vector512.Load(c + i) + a * Vector512.Load(s + i))).Store(to + quarter + i);
        }
        for (var i = 2 * quarter; i < width; i += Lanes.Width)
            (factor * Vector512.Load(x + i)).Store(to + i);
        for (var i = width; i < shape.Padded; i++)
            to[i] = 0;
        return factor;
    }

    /// <summary>All keys of a group, channel by channel: <c>[padded e, <see cref="AttentionShape.KeyStride"/>]</c>.</summary>
    public void Keys<T>(in KeyGroup group, int sample, int head, float* to)
        where T : unmanaged, ILane<T>
    {
        var rows = stackalloc float[Lanes.Width * MostChannels];
        var first = (long)sample * shape.Length;
        for (var t0 = 0; t0 < shape.Length; t0 += Lanes.Width)
        {
            var count = Math.Min(Lanes.Width, shape.Length - t0);
            for (var i = 0; i < count; i++)
            {
                var token = first + t0 + i;
                T* rest = group.KeyRest.Given ? group.KeyRest.At<T>(token, head, shape.HeadWidth) : null;
                Turn(group.Key.At<T>(token, head, shape.HeadWidth), rest, t0 + i, rows + i * MostChannels);
            }
            for (var i = count; i < Lanes.Width; i++)
                new Span<float>(rows + i * MostChannels, shape.Padded).Clear();
            for (var channel = 0; channel < shape.Padded; channel += 8)
            {
                Transpose(rows + channel, MostChannels, to + (long)channel * shape.KeyStride + t0, shape.KeyStride);
                Transpose(rows + 8 * MostChannels + channel, MostChannels, to + (long)channel * shape.KeyStride + t0 + 8, shape.KeyStride);
            }
        }
        // Vectors may begin at the last token: what lies behind must be numbers, since 0 · NaN is not 0.
        var end = Lanes.Padded(shape.Length);
        for (var channel = 0; channel < shape.Padded; channel++)
            new Span<float>(to + (long)channel * shape.KeyStride + end, shape.KeyStride - end).Clear();
    }

    /// <summary>All values of a group as float32 rows, <c>[L, padded e]</c>.</summary>
    public void Values<T>(in KeyGroup group, int sample, int head, float* to)
        where T : unmanaged, ILane<T>
    {
        var first = (long)sample * shape.Length;
        for (var token = 0; token < shape.Length; token++, to += shape.Padded)
        {
            var from = group.Value.At<T>(first + token, head, shape.HeadWidth);
            for (var i = 0; i < shape.HeadWidth; i += Lanes.Width)
                Lanes.LoadPart(from + i, shape.HeadWidth - i).Store(to + i);
        }
    }

    // 8×8: rows of the source become columns.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(float* from, int fromStride, float* to, int toStride)
    {
        if (!System.Runtime.Intrinsics.X86.Avx.IsSupported)
        {
            for (var i = 0; i < 8; i++)
            for (var j = 0; j < 8; j++)
                to[(long)j * toStride + i] = from[i * fromStride + j];
            return;
        }
        AvxTranspose.EightByEight(from, fromStride, to, toStride);
    }
}
