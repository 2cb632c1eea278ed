using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace InvFusion.Ops.Kernels;

/// <summary>Rows whose length need not be a multiple of sixteen, and functions of sixteen numbers.</summary>
internal static unsafe class Lanes
{
    /// <summary>Numbers in a vector.</summary>
    public const int Width = 16;

    /// <summary>Rounds a length up to whole vectors.</summary>
    public static int Padded(int length) => (length + Width - 1) / Width * Width;

    /// <summary>The numbers from one lane up to another, 0 in the other lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Within(Vector512<float> x, int first, int end)
    {
        var inside =
            Vector512.GreaterThanOrEqual(Vector512<int>.Indices, Vector512.Create(first))
            & Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(end));
        return Vector512.ConditionalSelect(inside.AsSingle(), x, Vector512<float>.Zero);
    }

    /// <summary>e^x to 2 units in the last place; 0 below -87.3 (-∞ included), 2^127 and more above 88.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        // 2^n · e^r with |r| ≤ ln 2 / 2; r by two constants, since x - n·ln 2 cancels.
        var clamped = Vector512.MinNative(Vector512.MaxNative(x, Vector512.Create(-87.3f)), Vector512.Create(88f));
        var n = Vector512.Round(clamped * Vector512.Create(1.44269504f));
        var r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-0.693359375f), clamped);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(2.12194440e-4f), r);
        var p = Vector512.Create(1.9875691500e-4f);
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1.3981999507e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(8.3334519073e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(4.1665795894e-2f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1.6666665459e-1f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(5.0000001201e-1f));
        p = Vector512.FusedMultiplyAdd(p, r * r, r + Vector512<float>.One);
        var power = ((Vector512.ConvertToInt32Native(n) + Vector512.Create(127)) << 23).AsSingle();
        var result = Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512.Create(-87.3f)), Vector512<float>.Zero, p * power);
        return Vector512.ConditionalSelect(Vector512.Equals(x, x), result, x); // NaN stays NaN
    }

    /// <summary>x · Φ(x), the exact gelu, to 3e-7 of max(1, |x|).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Gelu(Vector512<float> x) => x * Normal(x).Cdf;

    /// <summary>Distribution function and density of the standard normal distribution: Φ(x) to 1e-7 (Abramowitz and Stegun 7.1.26), and φ(x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> Cdf, Vector512<float> Density) Normal(Vector512<float> x)
    {
        var t = Vector512<float>.One / Vector512.FusedMultiplyAdd(Vector512.Abs(x), Vector512.Create(0.23164189f), Vector512<float>.One);
        var p = Vector512.Create(1.061405429f);
        p = Vector512.FusedMultiplyAdd(p, t, Vector512.Create(-1.453152027f));
        p = Vector512.FusedMultiplyAdd(p, t, Vector512.Create(1.421413741f));
        p = Vector512.FusedMultiplyAdd(p, t, Vector512.Create(-0.284496736f));
        p = Vector512.FusedMultiplyAdd(p, t, Vector512.Create(0.254829592f));
        var e = Exp(x * x * Vector512.Create(-0.5f));
        var tail = Vector512.Create(0.5f) * p * t * e; // Φ(-|x|)
        var cdf = Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), tail, Vector512<float>.One - tail);
        return (cdf, Vector512.Create(0.39894228f) * e);
    }

    /// <summary>Reads the first <paramref name="count"/> of sixteen numbers; the others are 0. Nothing behind them is touched.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Vector512<float> LoadFew<T>(T* from, int count)
        where T : unmanaged, ILane<T>
    {
        var whole = stackalloc T[Width];
        new Span<T>(whole, Width).Clear();
        new ReadOnlySpan<T>(from, count).CopyTo(new(whole, Width));
        return T.Load(whole);
    }

    /// <summary>Writes a row of float32 as numbers of another type. Nothing behind either row is touched.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Narrow<T>(float* from, T* to, int count)
        where T : unmanaged, ILane<T>
    {
        var i = 0;
        for (; i + Width <= count; i += Width)
            T.Store(to + i, Vector512.Load(from + i));
        if (i < count)
            StoreFew(to + i, count - i, LoadFew((Float32Lane*)(from + i), count - i));
    }

    /// <summary>Writes the first <paramref name="count"/> of sixteen numbers.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void StoreFew<T>(T* to, int count, Vector512<float> values)
        where T : unmanaged, ILane<T>
    {
        var whole = stackalloc T[Width];
        T.Store(whole, values);
        new ReadOnlySpan<T>(whole, count).CopyTo(new(to, count));
    }
}
