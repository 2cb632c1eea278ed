using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace InvFusion.Ops.Kernels;

// The way back: gradients of normalised and rotated rows become those of their projections.
internal readonly unsafe partial struct AttentionRows
{
    /// <summary>The way back through <see cref="Turned"/>.</summary>
    /// <param name="tokens">The projections.</param>
    /// <param name="rests">What was added to them.</param>
    /// <param name="sample">The sample.</param>
    /// <param name="head">The head.</param>
    /// <param name="gradient">Of the turned rows, <c>[L, stride]</c>.</param>
    /// <param name="stride">From a row of the gradient to the next.</param>
    /// <param name="toTokens">Receives the gradient of the projections.</param>
    /// <param name="toRests">Receives the same, where there are rests.</param>
    /// <returns>Σ ⟨dx̂, x̂⟩ over the rows, which is 2s times the gradient of s.</returns>
    public float TurnedBack<T, TGradient>(
        ProjectedTokens tokens,
        ProjectedTokens rests,
        int sample,
        int head,
        TGradient* gradient,
        int stride,
        ProjectedTokens toTokens,
        ProjectedTokens toRests
    )
        where T : unmanaged, ILane<T>
        where TGradient : unmanaged, ILane<TGradient>
    {
        var (width, total) = (shape.HeadWidth, 0f);
        for (var token = 0; token < shape.Length; token++, gradient += stride)
        {
            var at = (long)sample * shape.Length + token;
            Prefetch<T>(tokens, at + Ahead, head);
            Prefetch<T>(rests, at + Ahead, head);
            Prefetch<T>(toTokens, at + Ahead, head);
            Prefetch<T>(toRests, at + Ahead, head);
            T* x = tokens.At<T>(at, head, width),
                rest = rests.Given ? rests.At<T>(at, head, width) : null,
                to = toTokens.At<T>(at, head, width),
                toRest = toRests.Given ? toRests.At<T>(at, head, width) : null;
            total +=
                width >= ShortestLong
                    ? TurnBackLong(x, rest, gradient, token, to, toRest)
                    : TurnBackShort(x, rest, gradient, token, to, toRest);
        }
        return total;
    }

    // x̂ = √s r x with r = (Σx² + ε)^-½: dx = √s r (dx̂ - x r² ⟨x, dx̂⟩). Gives ⟨dx̂, x̂⟩.
    [SkipLocalsInit]
    private float TurnBackShort<T, TGradient>(T* from, T* rest, TGradient* gradient, int token, T* to, T* toRest)
        where T : unmanaged, ILane<T>
        where TGradient : unmanaged, ILane<TGradient>
    {
        float* x = stackalloc float[MostChannels],
            given = stackalloc float[MostChannels],
            turned = stackalloc float[MostChannels];
        Widen(from, x);
        if (rest != null)
            AddTo(rest, x);
        Widen(gradient, given);
        TurnBack(given, token, turned);
        Vector512<float> squares = default,
            products = default;
        for (var i = 0; i < shape.HeadWidth; i += Lanes.Width)
        {
            var value = Vector512.Load(x + i);
            squares = Vector512.FusedMultiplyAdd(value, value, squares);
            products = Vector512.FusedMultiplyAdd(value, Vector512.Load(turned + i), products);
        }
        var (by, along, sum) = Factors(squares, products);
        for (var i = 0; i < shape.HeadWidth; i += Lanes.Width)
            (by * Vector512.Load(turned + i) + along * Vector512.Load(x + i)).Store(x + i);
        Lanes.Narrow(x, to, shape.HeadWidth);
        if (toRest != null)
            Lanes.Narrow(x, toRest, shape.HeadWidth);
        return sum;
    }

    // The same as TurnLong turns.
    private float TurnBackLong<T, TGradient>(T* from, T* rest, TGradient* gradient, int token, T* to, T* toRest)
        where T : unmanaged, ILane<T>
        where TGradient : unmanaged, ILane<TGradient>
    {
        int width = shape.HeadWidth,
            quarter = shape.Quarter,
            last = width - Lanes.Width,
            lastTurning = Math.Max(0, quarter - Lanes.Width);
        float* cosines = cos + (long)token * ropeStride;
        Vector512<float> squares = default,
            products = default;
        for (var i = 0; i < quarter; i += Lanes.Width)
        {
            var at = Math.Min(i, lastTurning);
            var (a, b) = TurnBack(gradient + at, quarter, cosines + at);
            Vector512<float> x = Lanes.Within(Sum(from, rest, at), i - at, quarter - at),
                y = Lanes.Within(Sum(from, rest, quarter + at), i - at, quarter - at);
            squares = Vector512.FusedMultiplyAdd(x, x, Vector512.FusedMultiplyAdd(y, y, squares));
            products = Vector512.FusedMultiplyAdd(x, a, Vector512.FusedMultiplyAdd(y, b, products));
        }
        for (var i = 2 * quarter; i < width; i += Lanes.Width)
        {
            var at = Math.Min(i, last);
            var x = Lanes.Within(Sum(from, rest, at), i - at, Lanes.Width);
            squares = Vector512.FusedMultiplyAdd(x, x, squares);
            products = Vector512.FusedMultiplyAdd(x, TGradient.Load(gradient + at), products);
        }
        var (by, along, sum) = Factors(squares, products);
        for (var i = 0; i < quarter; i += Lanes.Width)
        {
            var at = Math.Min(i, lastTurning);
            var (a, b) = TurnBack(gradient + at, quarter, cosines + at);
            Store(to, toRest, at, by * a + along * Sum(from, rest, at));
            Store(to, toRest, quarter + at, by * b + along * Sum(from, rest, quarter + at));
        }
        for (var i = 2 * quarter; i < width; i += Lanes.Width)
        {
            var at = Math.Min(i, last);
            Store(to, toRest, at, by * TGradient.Load(gradient + at) + along * Sum(from, rest, at));
        }
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<T>(T* to, T* toRest, int at, Vector512<float> values)
        where T : unmanaged, ILane<T>
    {
        T.Store(to + at, values);
        if (toRest != null)
            T.Store(toRest + at, values);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private (Vector512<float> By, Vector512<float> Along, float Sum) Factors(Vector512<float> squares, Vector512<float> products)
    {
        var square = Vector512.Sum(squares) + (float)CosineSimilarity.Epsilon;
        var product = Vector512.Sum(products);
        var factor = root / MathF.Sqrt(square);
        return (Vector512.Create(factor), Vector512.Create(-factor * product / square), factor * product);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private (Vector512<float>, Vector512<float>) TurnBack<TGradient>(TGradient* gradient, int quarter, float* cosines)
        where TGradient : unmanaged, ILane<TGradient>
    {
        Vector512<float> a = TGradient.Load(gradient),
            b = TGradient.Load(gradient + quarter),
            c = Vector512.Load(cosines),
            s = Vector512.Load(cosines + sinOffset);
        return (a * c + b * s, b * c - a * s);
    }

    /// <summary>The way back through <see cref="Copied"/>: of the values, <c>[L, stride]</c>.</summary>
    public void CopiedBack<T, TGradient>(TGradient* gradient, int stride, int sample, int head, ProjectedTokens to)
        where T : unmanaged, ILane<T>
        where TGradient : unmanaged, ILane<TGradient>
    {
        var (width, first) = (shape.HeadWidth, (long)sample * shape.Length);
        for (var token = 0; token < shape.Length; token++, gradient += stride)
        {
            Prefetch<T>(to, first + token + Ahead, head);
            var place = to.At<T>(first + token, head, width);
            var i = 0;
            for (; i + Lanes.Width <= width; i += Lanes.Width)
                T.Store(place + i, TGradient.Load(gradient + i));
            if (i < width)
                Lanes.StoreFew(place + i, width - i, Lanes.LoadFew(gradient + i, width - i));
        }
    }

    /// <summary>Both for a group of keys with its values; returns what <see cref="TurnedBack"/> does.</summary>
    public float GroupBack<T, TGradient>(
        in KeyGroup group,
        in KeyGroup to,
        int sample,
        int head,
        TGradient* keys,
        TGradient* values,
        int stride
    )
        where T : unmanaged, ILane<T>
        where TGradient : unmanaged, ILane<TGradient>
    {
        if (group.Value.Given)
            CopiedBack<T, TGradient>(values, stride, sample, head, to.Value);
        return TurnedBack<T, TGradient>(group.Key, group.KeyRest, sample, head, keys, stride, to.Key, to.KeyRest);
    }

    /// <summary>All keys of a group as float32 rows, <c>[L, padded e]</c>; room for one vector more.</summary>
    public void KeyRows<T>(in KeyGroup group, int sample, int head, float* to)
        where T : unmanaged, ILane<T>
    {
        for (var token = 0; token < shape.Length; token++, to += shape.Padded)
        {
            var at = (long)sample * shape.Length + token;
            Prefetch<T>(group.Key, at + Ahead, head);
            Prefetch<T>(group.KeyRest, at + Ahead, head);
            T* rest = group.KeyRest.Given ? group.KeyRest.At<T>(at, head, shape.HeadWidth) : null;
            Turn(group.Key.At<T>(at, head, shape.HeadWidth), rest, token, to);
        }
    }

    /// <summary>Rows in the layout of <see cref="Keys"/>; behind a line are numbers without meaning.</summary>
    /// <param name="rows"><c>[L, padded e]</c> and <see cref="Lanes.Width"/> rows more, all of them finite.</param>
    /// <param name="to">Receives <c>[lines, padded e, line stride]</c>.</param>
    public void Lines(float* rows, float* to)
    {
        new Span<float>(to, shape.KeyCount).Clear();
        for (var line = 0; line < shape.Lines; line++, to += shape.Padded * shape.LineStride)
        {
            var end = Math.Min(shape.Length, (line + 1) * shape.LineLength);
            for (var first = line * shape.LineLength; first < end; first += Lanes.Width)
                Transpose(rows + (long)first * shape.Padded, shape.Padded, to + first - line * shape.LineLength);
        }
    }

    /// <summary>Eight rows of a gradient, <c>[8, padded e]</c>; missing ones are zero.</summary>
    public void Given<T>(ProjectedTokens gradient, int sample, int head, int first, int count, float* to)
        where T : unmanaged, ILane<T>
    {
        for (var q = 0; q < count; q++, to += shape.Padded)
        {
            var token = (long)sample * shape.Length + first + q;
            Prefetch<T>(gradient, token + AttentionTile.Queries, head);
            Widen(gradient.At<T>(token, head, shape.HeadWidth), to);
        }
        new Span<float>(to, (AttentionTile.Queries - count) * shape.Padded).Clear();
    }

    // The rotation the other way round; numbers behind e are 0, as products over whole vectors want them.
    private void TurnBack(float* from, int token, float* to)
    {
        var (width, quarter) = (shape.HeadWidth, shape.Quarter);
        float* c = cos + (long)token * ropeStride,
            s = c + sinOffset;
        for (var i = 0; i < quarter; i += Lanes.Width)
            (Vector512.Load(from + i) * Vector512.Load(c + i) + Vector512.Load(from + quarter + i) * Vector512.Load(s + i)).Store(to + i);
        for (var i = 0; i < quarter; i += Lanes.Width)
            (Vector512.Load(from + quarter + i) * Vector512.Load(c + i) - Vector512.Load(from + i) * Vector512.Load(s + i)).Store(
                to + quarter + i
            );
        for (var i = 2 * quarter; i < width; i += Lanes.Width)
            Vector512.Load(from + i).Store(to + i);
        for (var i = width; i < shape.Padded; i++)
            to[i] = 0;
    }
}
