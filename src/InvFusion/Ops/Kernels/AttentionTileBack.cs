using System.Runtime.Intrinsics;

namespace InvFusion.Ops.Kernels;

// The way back: what queries give to the keys and values that they saw.
internal static unsafe partial class AttentionTile
{
    /// <summary>out += pᵀ x for four rows of p and of x and the keys that they see.</summary>
    /// <param name="p">Weights of the first key seen, row i for query i.</param>
    /// <param name="stride">From a row of p to the next.</param>
    /// <param name="x">Rows <c>[4, padded]</c>.</param>
    /// <param name="seen">Which keys they are.</param>
    /// <param name="padded">Numbers of a row, a multiple of sixteen.</param>
    /// <param name="output">The first row seen of <c>[tokens, padded]</c>.</param>
    public static void Spread(float* p, int stride, float* x, in SeenKeys seen, int padded, float* output)
    {
        var channel = 0;
        for (; channel + 4 * Lanes.Width <= padded; channel += 4 * Lanes.Width)
            SpreadFourByFour(p, stride, x + channel, seen, padded, output + channel);
        for (; channel + 2 * Lanes.Width <= padded; channel += 2 * Lanes.Width)
            SpreadFourByTwo(p, stride, x + channel, seen, padded, output + channel);
        if (channel < padded)
            SpreadFourByOne(p, stride, x + channel, seen, padded, output + channel);
    }

    private static void SpreadFourByFour(float* p, nint stride, float* x, in SeenKeys seen, nint padded, float* to)
    {
        const int W = Lanes.Width;
        var (lines, count, toNextScores, toNextKeys) = (seen.Lines, seen.Count, seen.ScoresBetween, seen.TokensBetween * padded);
        Vector512<float> a0 = Vector512.Load(x),
            a1 = Vector512.Load(x + W),
            a2 = Vector512.Load(x + 2 * W),
            a3 = Vector512.Load(x + 3 * W);
        x += padded;
        Vector512<float> b0 = Vector512.Load(x),
            b1 = Vector512.Load(x + W),
            b2 = Vector512.Load(x + 2 * W),
            b3 = Vector512.Load(x + 3 * W);
        x += padded;
        Vector512<float> c0 = Vector512.Load(x),
            c1 = Vector512.Load(x + W),
            c2 = Vector512.Load(x + 2 * W),
            c3 = Vector512.Load(x + 3 * W);
        x += padded;
        Vector512<float> d0 = Vector512.Load(x),
            d1 = Vector512.Load(x + W),
            d2 = Vector512.Load(x + 2 * W),
            d3 = Vector512.Load(x + 3 * W);
        for (var line = 0; line < lines; line++, p += toNextScores, to += toNextKeys)
        for (var k = 0; k < count; k++, to += padded, p++)
        {
            Vector512<float> s0 = Vector512.Load(to),
                s1 = Vector512.Load(to + W),
                s2 = Vector512.Load(to + 2 * W),
                s3 = Vector512.Load(to + 3 * W);
            var w = Vector512.Create(p[0]);
            (s0, s1) = (Vector512.FusedMultiplyAdd(w, a0, s0), Vector512.FusedMultiplyAdd(w, a1, s1));
            (s2, s3) = (Vector512.FusedMultiplyAdd(w, a2, s2), Vector512.FusedMultiplyAdd(w, a3, s3));
            w = Vector512.Create(p[stride]);
            (s0, s1) = (Vector512.FusedMultiplyAdd(w, b0, s0), Vector512.FusedMultiplyAdd(w, b1, s1));
            (s2, s3) = (Vector512.FusedMultiplyAdd(w, b2, s2), Vector512.FusedMultiplyAdd(w, b3, s3));
            w = Vector512.Create(p[2 * stride]);
            (s0, s1) = (Vector512.FusedMultiplyAdd(w, c0, s0), Vector512.FusedMultiplyAdd(w, c1, s1));
            (s2, s3) = (Vector512.FusedMultiplyAdd(w, c2, s2), Vector512.FusedMultiplyAdd(w, c3, s3));
            w = Vector512.Create(p[3 * stride]);
            (s0, s1) = (Vector512.FusedMultiplyAdd(w, d0, s0), Vector512.FusedMultiplyAdd(w, d1, s1));
            (s2, s3) = (Vector512.FusedMultiplyAdd(w, d2, s2), Vector512.FusedMultiplyAdd(w, d3, s3));
            s0.Store(to);
            s1.Store(to + W);
            s2.Store(to + 2 * W);
            s3.Store(to + 3 * W);
        }
    }

    private static void SpreadFourByTwo(float* p, nint stride, float* x, in SeenKeys seen, nint padded, float* to)
    {
        const int W = Lanes.Width;
        var (lines, count, toNextScores, toNextKeys) = (seen.Lines, seen.Count, seen.ScoresBetween, seen.TokensBetween * padded);
        Vector512<float> a0 = Vector512.Load(x),
            a1 = Vector512.Load(x + W);
        x += padded;
        Vector512<float> b0 = Vector512.Load(x),
            b1 = Vector512.Load(x + W);
        x += padded;
        Vector512<float> c0 = Vector512.Load(x),
            c1 = Vector512.Load(x + W);
        x += padded;
        Vector512<float> d0 = Vector512.Load(x),
            d1 = Vector512.Load(x + W);
        for (var line = 0; line < lines; line++, p += toNextScores, to += toNextKeys)
        for (var k = 0; k < count; k++, to += padded, p++)
        {
            Vector512<float> s0 = Vector512.Load(to),
                s1 = Vector512.Load(to + W);
            var w = Vector512.Create(p[0]);
            (s0, s1) = (Vector512.FusedMultiplyAdd(w, a0, s0), Vector512.FusedMultiplyAdd(w, a1, s1));
            w = Vector512.Create(p[stride]);
            (s0, s1) = (Vector512.FusedMultiplyAdd(w, b0, s0), Vector512.FusedMultiplyAdd(w, b1, s1));
            w = Vector512.Create(p[2 * stride]);
            (s0, s1) = (Vector512.FusedMultiplyAdd(w, c0, s0), Vector512.FusedMultiplyAdd(w, c1, s1));
            w = Vector512.Create(p[3 * stride]);
            (s0, s1) = (Vector512.FusedMultiplyAdd(w, d0, s0), Vector512.FusedMultiplyAdd(w, d1, s1));
            s0.Store(to);
            s1.Store(to + W);
        }
    }

    private static void SpreadFourByOne(float* p, nint stride, float* x, in SeenKeys seen, nint padded, float* to)
    {
        var (lines, count, toNextScores, toNextKeys) = (seen.Lines, seen.Count, seen.ScoresBetween, seen.TokensBetween * padded);
        Vector512<float> a = Vector512.Load(x),
            b = Vector512.Load(x + padded),
            c = Vector512.Load(x + 2 * padded),
            d = Vector512.Load(x + 3 * padded);
        for (var line = 0; line < lines; line++, p += toNextScores, to += toNextKeys)
        for (var k = 0; k < count; k++, to += padded, p++)
        {
            var s = Vector512.FusedMultiplyAdd(Vector512.Create(p[0]), a, Vector512.Load(to));
            s = Vector512.FusedMultiplyAdd(Vector512.Create(p[stride]), b, s);
            s = Vector512.FusedMultiplyAdd(Vector512.Create(p[2 * stride]), c, s);
            Vector512.FusedMultiplyAdd(Vector512.Create(p[3 * stride]), d, s).Store(to);
        }
    }

    /// <summary>A row of logits becomes weights p, and the gradient of the weights that of the logits: dS = p (dP - ⟨p, dP⟩).</summary>
    /// <param name="scores">Logits; then p.</param>
    /// <param name="slopes">dP; then dS.</param>
    /// <param name="length">Whole vectors.</param>
    public static void SoftmaxBack(float* scores, float* slopes, int length)
    {
        var shift = Vector512.Create(Highest(scores, length));
        Vector512<float> sum = default,
            product = default;
        for (var i = 0; i < length; i += Lanes.Width)
        {
            var e = Lanes.Exp(Vector512.Load(scores + i) - shift);
            e.Store(scores + i);
            sum += e;
            product = Vector512.FusedMultiplyAdd(e, Vector512.Load(slopes + i), product);
        }
        var inverse = 1 / Vector512.Sum(sum);
        Vector512<float> by = Vector512.Create(inverse),
            mean = Vector512.Create(Vector512.Sum(product) * inverse);
        for (var i = 0; i < length; i += Lanes.Width)
        {
            var p = Vector512.Load(scores + i) * by;
            p.Store(scores + i);
            (p * (Vector512.Load(slopes + i) - mean)).Store(slopes + i);
        }
    }
}
