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
    /// <param name="gradient">Of the turned rows, <c>[L, e]</c>.</param>
    /// <param name="toTokens">Receives the gradient of the projections.</param>
    /// <param name="toRests">Receives the same, where there are rests.</param>
    /// <returns>Σ ⟨dx̂, x̂⟩ over the rows, which is 2s times the gradient of s.</returns>
    [SkipLocalsInit]
    public float TurnedBack<T>(
        ProjectedTokens tokens,
        ProjectedTokens rests,
        int sample,
        int head,
        T* gradient,
        ProjectedTokens toTokens,
        ProjectedTokens toRests
    )
        where T : unmanaged, ILane<T>
    {
        float* x = stackalloc float[MostChannels],
            given = stackalloc float[MostChannels],
            turned = stackalloc float[MostChannels];
        var (width, total) = (shape.HeadWidth, 0f);
        for (var token = 0; token < shape.Length; token++, gradient += width)
        {
            var at = (long)sample * shape.Length + token;
            Prefetch<T>(tokens, at + Ahead, head);
            Prefetch<T>(rests, at + Ahead, head);
            Widen(tokens.At<T>(at, head, width), x);
            if (rests.Given)
                AddTo(rests.At<T>(at, head, width), x);
            Widen(gradient, given);
            TurnBack(given, token, turned);
            Vector512<float> squares = default,
                products = default;
            for (var i = 0; i < width; i += Lanes.Width)
            {
                var value = Vector512.Load(x + i);
                squares = Vector512.FusedMultiplyAdd(value, value, squares);
                products = Vector512.FusedMultiplyAdd(value, Vector512.Load(turned + i), products);
            }
            // x̂ = √s r x with r = (Σx² + ε)^-½: dx = √s r (dx̂ - x r² ⟨x, dx̂⟩).
            var square = Vector512.Sum(squares) + (float)CosineSimilarity.Epsilon;
            var product = Vector512.Sum(products);
            var factor = root / MathF.Sqrt(square);
            total += factor * product;
            Vector512<float> by = Vector512.Create(factor),
                along = Vector512.Create(-factor * product / square);
            for (var i = 0; i < width; i += Lanes.Width)
                (by * Vector512.Load(turned + i) + along * Vector512.Load(x + i)).Store(x + i);
            Narrow(x, toTokens.At<T>(at, head, width));
            if (toRests.Given)
                Narrow(x, toRests.At<T>(at, head, width));
        }
        return total;
    }

    /// <summary>The way back through <see cref="Copied"/>.</summary>
    public void CopiedBack<T>(T* gradient, int sample, int head, ProjectedTokens to)
        where T : unmanaged, ILane<T>
    {
        for (var token = 0; token < shape.Length; token++, gradient += shape.HeadWidth)
        {
            var place = to.At<T>((long)sample * shape.Length + token, head, shape.HeadWidth);
            new ReadOnlySpan<T>(gradient, shape.HeadWidth).CopyTo(new(place, shape.HeadWidth));
        }
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

    private void Narrow<T>(float* from, T* to)
        where T : unmanaged, ILane<T>
    {
        var i = 0;
        for (; i + Lanes.Width <= shape.HeadWidth; i += Lanes.Width)
            T.Store(to + i, Vector512.Load(from + i));
        if (i < shape.HeadWidth)
            Lanes.StoreFew(to + i, shape.HeadWidth - i, Vector512.Load(from + i));
    }
}
