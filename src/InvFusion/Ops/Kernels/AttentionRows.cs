using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace InvFusion.Ops.Kernels;

/// <summary>Queries and keys of one head, normalised (<see cref="CosineSimilarity"/>) and rotated (<see cref="AxialRope"/>), as the tiles of an attention want them.</summary>
/// <param name="shape">Sizes.</param>
/// <param name="cos">Cosines of the head's first token.</param>
/// <param name="sinOffset">From a cosine to its sine.</param>
/// <param name="ropeStride">From a token's cosines to the next one's.</param>
/// <param name="root">√s of the head.</param>
internal readonly unsafe partial struct AttentionRows(AttentionShape shape, float* cos, long sinOffset, int ropeStride, float root)
{
    /// <summary>Channels of a head and a vector more, for rows on the stack.</summary>
    public const int MostChannels = 512;

    private const int ShortestLong = 2 * Lanes.Width;
    private const int Ahead = 12;
    private const int CacheLine = 64;

    /// <summary>One query or key: <c>[padded e]</c> numbers, of which those behind e are 0.</summary>
    /// <param name="from">Its projection.</param>
    /// <param name="rest">Added to it first, or null.</param>
    /// <param name="token">Its place on the grid.</param>
    /// <param name="to">Receives it; room for e and one vector more.</param>
    public void Turn<T>(T* from, T* rest, int token, float* to)
        where T : unmanaged, ILane<T>
    {
        if (shape.HeadWidth >= ShortestLong)
            TurnLong(from, rest, token, to);
        else
            TurnShort(from, rest, token, to);
    }

    [SkipLocalsInit]
    private void TurnShort<T>(T* from, T* rest, int token, float* to)
        where T : unmanaged, ILane<T>
    {
        var x = stackalloc float[MostChannels];
        var (width, quarter) = (shape.HeadWidth, shape.Quarter);
        var squares = Vector512<float>.Zero;
        Widen(from, x);
        if (rest != null)
            AddTo(rest, x);
        for (var i = 0; i < width; i += Lanes.Width)
        {
            var value = Vector512.Load(x + i);
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
    }

    // The same where no part is shorter than a vector but the two that turn: a last vector that is not whole begins earlier, so that nothing goes through memory.
    private void TurnLong<T>(T* from, T* rest, int token, float* to)
        where T : unmanaged, ILane<T>
    {
        int width = shape.HeadWidth,
            quarter = shape.Quarter,
            last = width - Lanes.Width,
            lastTurning = Math.Max(0, quarter - Lanes.Width);
        var squares = Vector512<float>.Zero;
        for (var i = 0; i < width; i += Lanes.Width)
        {
            var at = Math.Min(i, last);
            var value = Lanes.Within(Sum(from, rest, at), i - at, Lanes.Width);
            squares = Vector512.FusedMultiplyAdd(value, value, squares);
        }
        var by = Vector512.Create(root / MathF.Sqrt(Vector512.Sum(squares) + (float)CosineSimilarity.Epsilon));
        float* c = cos + (long)token * ropeStride,
            s = c + sinOffset;
        // A part that is shorter than a vector reaches over its end; the next part, written later, is in order again.
        for (var i = 0; i < quarter; i += Lanes.Width)
        {
            var at = Math.Min(i, lastTurning);
            Vector512<float> a = Sum(from, rest, at) * by,
                b = Sum(from, rest, quarter + at) * by,
                cosine = Vector512.Load(c + at),
                sine = Vector512.Load(s + at);
            (a * cosine - b * sine).Store(to + at);
            (b * cosine + a * sine).Store(to + quarter + at);
        }
        for (var i = 2 * quarter; i < width; i += Lanes.Width)
        {
            var at = Math.Min(i, last);
            (Sum(from, rest, at) * by).Store(to + at);
        }
        if (width < shape.Padded)
            Vector256<float>.Zero.Store(to + width);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Sum<T>(T* from, T* rest, int at)
        where T : unmanaged, ILane<T> => rest == null ? T.Load(from + at) : T.Load(from + at) + T.Load(rest + at);

    /// <summary>All keys of a group, line by line and in a line channel by channel: <c>[lines, padded e, line stride]</c>; what is behind a line is 0.</summary>
    [SkipLocalsInit]
    public void Keys<T>(in KeyGroup group, int sample, int head, float* to)
        where T : unmanaged, ILane<T>
    {
        var rows = stackalloc float[Lanes.Width * MostChannels];
        new Span<float>(to, shape.KeyCount).Clear();
        for (var line = 0; line < shape.Lines; line++, to += shape.Padded * shape.LineStride)
        {
            var end = Math.Min(shape.Length, (line + 1) * shape.LineLength);
            for (var first = line * shape.LineLength; first < end; first += Lanes.Width)
            {
                var count = Math.Min(Lanes.Width, end - first);
                for (var i = 0; i < count; i++)
                {
                    var token = (long)sample * shape.Length + first + i;
                    Prefetch<T>(group.Key, token + Ahead, head);
                    Prefetch<T>(group.KeyRest, token + Ahead, head);
                    T* rest = group.KeyRest.Given ? group.KeyRest.At<T>(token, head, shape.HeadWidth) : null;
                    Turn(group.Key.At<T>(token, head, shape.HeadWidth), rest, first + i, rows + i * MostChannels);
                }
                for (var i = count; i < Lanes.Width; i++)
                    new Span<float>(rows + i * MostChannels, shape.Padded).Clear();
                Transpose(rows, MostChannels, to + first - line * shape.LineLength);
            }
        }
    }

    /// <summary>Queries or keys of a head one behind the other, <c>[count, e]</c>.</summary>
    [SkipLocalsInit]
    public void Turned<T>(ProjectedTokens tokens, ProjectedTokens rests, int sample, int head, int first, int count, T* to)
        where T : unmanaged, ILane<T>
    {
        var row = stackalloc float[MostChannels];
        for (var token = first; token < first + count; token++, to += shape.HeadWidth)
        {
            var at = (long)sample * shape.Length + token;
            Prefetch<T>(tokens, at + Ahead, head);
            Prefetch<T>(rests, at + Ahead, head);
            Turn(tokens.At<T>(at, head, shape.HeadWidth), rests.Given ? rests.At<T>(at, head, shape.HeadWidth) : null, token, row);
            Lanes.Narrow(row, to, shape.HeadWidth);
        }
    }

    /// <summary>All values of a head one behind the other, <c>[L, e]</c>.</summary>
    public void Copied<T>(ProjectedTokens tokens, int sample, int head, T* to)
        where T : unmanaged, ILane<T>
    {
        for (var token = 0; token < shape.Length; token++, to += shape.HeadWidth)
        {
            var at = (long)sample * shape.Length + token;
            Prefetch<T>(tokens, at + Ahead, head);
            new ReadOnlySpan<T>(tokens.At<T>(at, head, shape.HeadWidth), shape.HeadWidth).CopyTo(new(to, shape.HeadWidth));
        }
    }

    /// <summary>All values of a group as float32 rows, <c>[L, padded e]</c>.</summary>
    public void Values<T>(in KeyGroup group, int sample, int head, float* to)
        where T : unmanaged, ILane<T>
    {
        var first = (long)sample * shape.Length;
        for (var token = 0; token < shape.Length; token++, to += shape.Padded)
        {
            Prefetch<T>(group.Value, first + token + Ahead, head);
            var from = group.Value.At<T>(first + token, head, shape.HeadWidth);
            Widen(from, to);
        }
    }

    // One head of a token is a short piece of a long row: the processor does not foresee the next one. An address that is not there does no harm.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Prefetch<T>(ProjectedTokens tokens, long token, int head)
        where T : unmanaged, ILane<T>
    {
        if (!Sse.IsSupported || !tokens.Given)
            return;
        var at = (byte*)tokens.At<T>(token, head, shape.HeadWidth);
        for (var line = 0; line < shape.HeadWidth * sizeof(T); line += CacheLine)
            Sse.Prefetch0(at + line);
    }

    // One head of a token as [padded e] floats.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Widen<T>(T* from, float* to)
        where T : unmanaged, ILane<T>
    {
        var i = 0;
        for (; i + Lanes.Width <= shape.HeadWidth; i += Lanes.Width)
            T.Load(from + i).Store(to + i);
        if (i < shape.HeadWidth)
            Lanes.LoadFew(from + i, shape.HeadWidth - i).Store(to + i);
    }

    private void AddTo<T>(T* from, float* to)
        where T : unmanaged, ILane<T>
    {
        var i = 0;
        for (; i + Lanes.Width <= shape.HeadWidth; i += Lanes.Width)
            (Vector512.Load(to + i) + T.Load(from + i)).Store(to + i);
        if (i < shape.HeadWidth)
            (Vector512.Load(to + i) + Lanes.LoadFew(from + i, shape.HeadWidth - i)).Store(to + i);
    }

    // 8×8: rows of the source become columns.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(float* from, int fromStride, float* to, int toStride)
    {
        if (!Avx.IsSupported)
        {
            for (var i = 0; i < 8; i++)
            for (var j = 0; j < 8; j++)
                to[(long)j * toStride + i] = from[i * fromStride + j];
            return;
        }
        AvxTranspose.EightByEight(from, fromStride, to, toStride);
    }

    // Sixteen rows become columns.
    private void Transpose(float* rows, int stride, float* column)
    {
        for (var channel = 0; channel < shape.Padded; channel += 8)
        {
            var to = column + (long)channel * shape.LineStride;
            Transpose(rows + channel, stride, to, shape.LineStride);
            Transpose(rows + 8 * stride + channel, stride, to + 8, shape.LineStride);
        }
    }

    /// <summary>Eight queries, <c>[8, padded e]</c>; missing ones are zero.</summary>
    /// <param name="queries">Their projections.</param>
    /// <param name="sample">The sample.</param>
    /// <param name="head">The head.</param>
    /// <param name="first">Token of the first.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="to">Receives them; room for one vector more.</param>
    public void Queries<T>(ProjectedTokens queries, int sample, int head, int first, int count, float* to)
        where T : unmanaged, ILane<T>
    {
        for (var q = 0; q < count; q++, to += shape.Padded)
        {
            var token = (long)sample * shape.Length + first + q;
            Prefetch<T>(queries, token + AttentionTile.Queries, head);
            Turn(queries.At<T>(token, head, shape.HeadWidth), null, first + q, to);
        }
        new Span<float>(to, (AttentionTile.Queries - count) * shape.Padded).Clear();
    }

    /// <summary>Eight rows channel by channel, <c>[padded e, 8]</c>.</summary>
    public void Columns(float* rows, float* to)
    {
        for (var channel = 0; channel < shape.Padded; channel += 8)
            Transpose(rows + channel, shape.Padded, to + channel * AttentionTile.Queries, AttentionTile.Queries);
    }
}
