using System.Runtime.Intrinsics;

namespace InvFusion.Ops.Kernels;

/// <summary>The products of a tile of eight queries with keys and values, whose sums stay in registers.</summary>
internal static unsafe partial class AttentionTile
{
    /// <summary>Queries of a tile.</summary>
    public const int Queries = 8;

    /// <summary>Queries whose weights meet values at a time: in windows four see fewer columns of keys than eight.</summary>
    public const int Half = 4;

    /// <summary>q kᵀ for eight queries and two vectors of keys.</summary>
    /// <param name="queries">Channel by channel, <c>[e, 8]</c>.</param>
    /// <param name="first">Sixteen keys channel by channel.</param>
    /// <param name="second">Sixteen others.</param>
    /// <param name="keyStride">From a channel of the keys to the next.</param>
    /// <param name="channels">e.</param>
    /// <param name="scores">Row i is query i's: its sixteen scores of the first keys, then of the second.</param>
    /// <param name="scoreStride">From a row to the next.</param>
    public static void Scores(float* queries, float* first, float* second, int keyStride, int channels, float* scores, int scoreStride)
    {
        Vector512<float> a0 = default,
            a1 = default,
            a2 = default,
            a3 = default,
            a4 = default,
            a5 = default,
            a6 = default,
            a7 = default;
        Vector512<float> b0 = default,
            b1 = default,
            b2 = default,
            b3 = default,
            b4 = default,
            b5 = default,
            b6 = default,
            b7 = default;
        for (var c = 0; c < channels; c++, first += keyStride, second += keyStride, queries += Queries)
        {
            Vector512<float> x = Vector512.Load(first),
                y = Vector512.Load(second);
            var w = Vector512.Create(queries[0]);
            (a0, b0) = (Vector512.FusedMultiplyAdd(w, x, a0), Vector512.FusedMultiplyAdd(w, y, b0));
            w = Vector512.Create(queries[1]);
            (a1, b1) = (Vector512.FusedMultiplyAdd(w, x, a1), Vector512.FusedMultiplyAdd(w, y, b1));
            w = Vector512.Create(queries[2]);
            (a2, b2) = (Vector512.FusedMultiplyAdd(w, x, a2), Vector512.FusedMultiplyAdd(w, y, b2));
            w = Vector512.Create(queries[3]);
            (a3, b3) = (Vector512.FusedMultiplyAdd(w, x, a3), Vector512.FusedMultiplyAdd(w, y, b3));
            w = Vector512.Create(queries[4]);
            (a4, b4) = (Vector512.FusedMultiplyAdd(w, x, a4), Vector512.FusedMultiplyAdd(w, y, b4));
            w = Vector512.Create(queries[5]);
            (a5, b5) = (Vector512.FusedMultiplyAdd(w, x, a5), Vector512.FusedMultiplyAdd(w, y, b5));
            w = Vector512.Create(queries[6]);
            (a6, b6) = (Vector512.FusedMultiplyAdd(w, x, a6), Vector512.FusedMultiplyAdd(w, y, b6));
            w = Vector512.Create(queries[7]);
            (a7, b7) = (Vector512.FusedMultiplyAdd(w, x, a7), Vector512.FusedMultiplyAdd(w, y, b7));
        }
        Store(a0, b0, scores);
        Store(a1, b1, scores += scoreStride);
        Store(a2, b2, scores += scoreStride);
        Store(a3, b3, scores += scoreStride);
        Store(a4, b4, scores += scoreStride);
        Store(a5, b5, scores += scoreStride);
        Store(a6, b6, scores += scoreStride);
        Store(a7, b7, scores + scoreStride);
    }

    private static void Store(Vector512<float> a, Vector512<float> b, float* to)
    {
        a.Store(to);
        b.Store(to + Lanes.Width);
    }

    /// <summary>out += p v for four rows of p and the values that they see.</summary>
    /// <param name="p">Weights of the first value seen, row i for query i.</param>
    /// <param name="stride">From a row of p to the next.</param>
    /// <param name="values">The first row seen of <c>[tokens, padded]</c>.</param>
    /// <param name="seen">Which they are.</param>
    /// <param name="padded">Numbers of a value, a multiple of sixteen.</param>
    /// <param name="output">Rows <c>[4, padded]</c>.</param>
    public static void Accumulate(float* p, int stride, float* values, in SeenKeys seen, int padded, float* output)
    {
        var channel = 0;
        for (; channel + 4 * Lanes.Width <= padded; channel += 4 * Lanes.Width)
            AccumulateFourByFour(p, stride, values + channel, seen, padded, output + channel);
        for (; channel + 2 * Lanes.Width <= padded; channel += 2 * Lanes.Width)
            AccumulateFourByTwo(p, stride, values + channel, seen, padded, output + channel);
        if (channel < padded)
            AccumulateFourByOne(p, stride, values + channel, seen, padded, output + channel);
    }

    private static void AccumulateFourByFour(float* p, nint stride, float* v, in SeenKeys seen, nint padded, float* to)
    {
        const int W = Lanes.Width;
        var (lines, count, toNextScores, toNextValues) = (seen.Lines, seen.Count, seen.ScoresBetween, seen.TokensBetween * padded);
        float* o1 = to + padded,
            o2 = o1 + padded,
            o3 = o2 + padded;
        Vector512<float> a0 = Vector512.Load(to),
            a1 = Vector512.Load(to + W),
            a2 = Vector512.Load(to + 2 * W),
            a3 = Vector512.Load(to + 3 * W);
        Vector512<float> b0 = Vector512.Load(o1),
            b1 = Vector512.Load(o1 + W),
            b2 = Vector512.Load(o1 + 2 * W),
            b3 = Vector512.Load(o1 + 3 * W);
        Vector512<float> c0 = Vector512.Load(o2),
            c1 = Vector512.Load(o2 + W),
            c2 = Vector512.Load(o2 + 2 * W),
            c3 = Vector512.Load(o2 + 3 * W);
        Vector512<float> d0 = Vector512.Load(o3),
            d1 = Vector512.Load(o3 + W),
            d2 = Vector512.Load(o3 + 2 * W),
            d3 = Vector512.Load(o3 + 3 * W);
        for (var line = 0; line < lines; line++, p += toNextScores, v += toNextValues)
        for (var k = 0; k < count; k++, v += padded, p++)
        {
            Vector512<float> v0 = Vector512.Load(v),
                v1 = Vector512.Load(v + W),
                v2 = Vector512.Load(v + 2 * W),
                v3 = Vector512.Load(v + 3 * W);
            var w = Vector512.Create(p[0]);
            (a0, a1) = (Vector512.FusedMultiplyAdd(w, v0, a0), Vector512.FusedMultiplyAdd(w, v1, a1));
            (a2, a3) = (Vector512.FusedMultiplyAdd(w, v2, a2), Vector512.FusedMultiplyAdd(w, v3, a3));
            w = Vector512.Create(p[stride]);
            (b0, b1) = (Vector512.FusedMultiplyAdd(w, v0, b0), Vector512.FusedMultiplyAdd(w, v1, b1));
            (b2, b3) = (Vector512.FusedMultiplyAdd(w, v2, b2), Vector512.FusedMultiplyAdd(w, v3, b3));
            w = Vector512.Create(p[2 * stride]);
            (c0, c1) = (Vector512.FusedMultiplyAdd(w, v0, c0), Vector512.FusedMultiplyAdd(w, v1, c1));
            (c2, c3) = (Vector512.FusedMultiplyAdd(w, v2, c2), Vector512.FusedMultiplyAdd(w, v3, c3));
            w = Vector512.Create(p[3 * stride]);
            (d0, d1) = (Vector512.FusedMultiplyAdd(w, v0, d0), Vector512.FusedMultiplyAdd(w, v1, d1));
            (d2, d3) = (Vector512.FusedMultiplyAdd(w, v2, d2), Vector512.FusedMultiplyAdd(w, v3, d3));
        }
        Store(a0, a1, to);
        Store(a2, a3, to + 2 * W);
        Store(b0, b1, o1);
        Store(b2, b3, o1 + 2 * W);
        Store(c0, c1, o2);
        Store(c2, c3, o2 + 2 * W);
        Store(d0, d1, o3);
        Store(d2, d3, o3 + 2 * W);
    }

    private static void AccumulateFourByTwo(float* p, nint stride, float* v, in SeenKeys seen, nint padded, float* to)
    {
        const int W = Lanes.Width;
        var (lines, count, toNextScores, toNextValues) = (seen.Lines, seen.Count, seen.ScoresBetween, seen.TokensBetween * padded);
        float* o1 = to + padded,
            o2 = o1 + padded,
            o3 = o2 + padded;
        Vector512<float> a0 = Vector512.Load(to),
            a1 = Vector512.Load(to + W);
        Vector512<float> b0 = Vector512.Load(o1),
            b1 = Vector512.Load(o1 + W);
        Vector512<float> c0 = Vector512.Load(o2),
            c1 = Vector512.Load(o2 + W);
        Vector512<float> d0 = Vector512.Load(o3),
            d1 = Vector512.Load(o3 + W);
        for (var line = 0; line < lines; line++, p += toNextScores, v += toNextValues)
        for (var k = 0; k < count; k++, v += padded, p++)
        {
            Vector512<float> v0 = Vector512.Load(v),
                v1 = Vector512.Load(v + W);
            var w = Vector512.Create(p[0]);
            (a0, a1) = (Vector512.FusedMultiplyAdd(w, v0, a0), Vector512.FusedMultiplyAdd(w, v1, a1));
            w = Vector512.Create(p[stride]);
            (b0, b1) = (Vector512.FusedMultiplyAdd(w, v0, b0), Vector512.FusedMultiplyAdd(w, v1, b1));
            w = Vector512.Create(p[2 * stride]);
            (c0, c1) = (Vector512.FusedMultiplyAdd(w, v0, c0), Vector512.FusedMultiplyAdd(w, v1, c1));
            w = Vector512.Create(p[3 * stride]);
            (d0, d1) = (Vector512.FusedMultiplyAdd(w, v0, d0), Vector512.FusedMultiplyAdd(w, v1, d1));
        }
        Store(a0, a1, to);
        Store(b0, b1, o1);
        Store(c0, c1, o2);
        Store(d0, d1, o3);
    }

    private static void AccumulateFourByOne(float* p, nint stride, float* v, in SeenKeys seen, nint padded, float* to)
    {
        var (lines, count, toNextScores, toNextValues) = (seen.Lines, seen.Count, seen.ScoresBetween, seen.TokensBetween * padded);
        float* o1 = to + padded,
            o2 = o1 + padded,
            o3 = o2 + padded;
        Vector512<float> a = Vector512.Load(to),
            b = Vector512.Load(o1),
            c = Vector512.Load(o2),
            d = Vector512.Load(o3);
        for (var line = 0; line < lines; line++, p += toNextScores, v += toNextValues)
        for (var k = 0; k < count; k++, v += padded, p++)
        {
            var value = Vector512.Load(v);
            a = Vector512.FusedMultiplyAdd(Vector512.Create(p[0]), value, a);
            b = Vector512.FusedMultiplyAdd(Vector512.Create(p[stride]), value, b);
            c = Vector512.FusedMultiplyAdd(Vector512.Create(p[2 * stride]), value, c);
            d = Vector512.FusedMultiplyAdd(Vector512.Create(p[3 * stride]), value, d);
        }
        a.Store(to);
        b.Store(o1);
        c.Store(o2);
        d.Store(o3);
    }

    /// <summary>Turns a row of logits into e^(logit - largest), in place.</summary>
    /// <returns>Their sum.</returns>
    public static float Exponentials(float* row, int length)
    {
        var shift = Vector512.Create(Highest(row, length));
        var sum = Vector512<float>.Zero;
        for (var i = 0; i < length; i += Lanes.Width)
        {
            var e = Lanes.Exp(Vector512.Load(row + i) - shift);
            e.Store(row + i);
            sum += e;
        }
        return Vector512.Sum(sum);
    }

    private static float Highest(float* row, int length)
    {
        var x = Vector512.Load(row);
        for (var i = Lanes.Width; i < length; i += Lanes.Width)
            x = Vector512.MaxNative(x, Vector512.Load(row + i));
        var half = Vector256.Max(x.GetLower(), x.GetUpper());
        var quarter = Vector128.Max(half.GetLower(), half.GetUpper());
        return MathF.Max(MathF.Max(quarter[0], quarter[1]), MathF.Max(quarter[2], quarter[3]));
    }
}
