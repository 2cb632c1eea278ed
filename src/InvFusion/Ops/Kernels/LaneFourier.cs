using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// Fourier transforms of n points, n a power of two, a vector of signals at once: a point is a <see cref="ComplexLanes{T}"/>, so every step works on whole vectors.
/// Spectra stay in the order that the steps leave them in. None is normalised.
/// </summary>
/// <remarks>
/// Steps of radix four, decimating in frequency on the way there and in time on the way back, and one of radix two where n is not a power of four. A signal on
/// a canvas of 2n with nothing in its second half has as its spectrum at 2k the transform of the n points, and at 2k + 1 that of the points times
/// <see cref="Twist"/>.
/// </remarks>
/// <typeparam name="T">float or double.</typeparam>
internal readonly unsafe struct LaneFourier<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int Longest = 256;

    // One plan for each length, kept for good: a kernel holds nothing but pointers.
    private static readonly LaneFourier<T>[] Plans = [.. Enumerable.Range(0, 9).Select(log => new LaneFourier<T>(1 << log))];

    private readonly T* _twiddles; // [n/4, 3, 2]: w^j, w^2j, w^3j with w = e^(-2πi/n)

    private LaneFourier(int length)
    {
        Length = length;
        Order = (int*)NativeMemory.Alloc((nuint)length, sizeof(int));
        Twist = (T*)NativeMemory.Alloc((nuint)(2 * length), (nuint)sizeof(T));
        _twiddles = (T*)NativeMemory.Alloc((nuint)(6 * Math.Max(1, length / 4)), (nuint)sizeof(T));
        for (var k = 0; k < length; k++)
        {
            Order[k] = Frequency(k, length);
            Put(Twist + 2 * k, k, 2 * length);
        }
        for (var j = 0; j < length / 4; j++)
        for (var r = 1; r < 4; r++)
            Put(_twiddles + 6 * j + 2 * (r - 1), r * j, length);
    }

    /// <summary>n.</summary>
    public int Length { get; }

    /// <summary>The frequency that lies at each place of a spectrum.</summary>
    public int* Order { get; }

    /// <summary>e^(-πik/n) for each point k, real part before imaginary part.</summary>
    public T* Twist { get; }

    /// <summary>The plan for a length; false where there is none.</summary>
    public static bool TryGet(int length, out LaneFourier<T> plan)
    {
        var fits = length is >= 1 and <= Longest && int.IsPow2(length);
        plan = fits ? Plans[int.Log2(length)] : default;
        return fits;
    }

    /// <summary>Σ x e^(-2πi jk/n), in place, points to a spectrum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Forward(T* points)
    {
        var end = points + Length * ComplexLanes<T>.Size;
        var span = Length;
        for (; span >= 4; span /= 4)
        {
            var (part, block) = (span / 4 * ComplexLanes<T>.Size, span * ComplexLanes<T>.Size);
            for (var p = points; p < end; p += block)
                Split(p, part);
            for (var j = 1; j < span / 4; j++)
            {
                var twiddles = _twiddles + 6 * j * (Length / span);
                for (var p = points + j * ComplexLanes<T>.Size; p < end; p += block)
                    Split(p, part, twiddles);
            }
        }
        if (span == 2)
            Pairs(points, end);
    }

    /// <summary>Σ X e^(2πi jk/n), in place, a spectrum to points.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Inverse(T* points)
    {
        var end = points + Length * ComplexLanes<T>.Size;
        var span = 4;
        if (int.IsOddInteger(int.Log2(Length)))
        {
            Pairs(points, end);
            span = 8;
        }
        for (; span <= Length; span *= 4)
        {
            var (part, block) = (span / 4 * ComplexLanes<T>.Size, span * ComplexLanes<T>.Size);
            for (var p = points; p < end; p += block)
                Join(p, part);
            for (var j = 1; j < span / 4; j++)
            {
                var twiddles = _twiddles + 6 * j * (Length / span);
                for (var p = points + j * ComplexLanes<T>.Size; p < end; p += block)
                    Join(p, part, twiddles);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Pairs(T* points, T* end)
    {
        for (var p = points; p < end; p += 2 * ComplexLanes<T>.Size)
        {
            ComplexLanes<T> a = ComplexLanes<T>.Load(p),
                b = ComplexLanes<T>.Load(p + ComplexLanes<T>.Size);
            (a + b).Store(p);
            (a - b).Store(p + ComplexLanes<T>.Size);
        }
    }

    // Sums and differences are named by the points they come from.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Split(T* p, int part)
    {
        ComplexLanes<T> a = ComplexLanes<T>.Load(p),
            b = ComplexLanes<T>.Load(p + part),
            c = ComplexLanes<T>.Load(p + 2 * part),
            d = ComplexLanes<T>.Load(p + 3 * part);
        ComplexLanes<T> ac = a + c,
            bd = b + d,
            other = a - c,
            turned = b - d;
        (ac + bd).Store(p);
        ComplexLanes<T>.MinusI(other, turned).Store(p + part);
        (ac - bd).Store(p + 2 * part);
        ComplexLanes<T>.PlusI(other, turned).Store(p + 3 * part);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Split(T* p, int part, T* twiddles)
    {
        ComplexLanes<T> a = ComplexLanes<T>.Load(p),
            b = ComplexLanes<T>.Load(p + part),
            c = ComplexLanes<T>.Load(p + 2 * part),
            d = ComplexLanes<T>.Load(p + 3 * part);
        ComplexLanes<T> ac = a + c,
            bd = b + d,
            other = a - c,
            turned = b - d;
        (ac + bd).Store(p);
        ComplexLanes<T>.MinusI(other, turned).Times(twiddles).Store(p + part);
        (ac - bd).Times(twiddles + 2).Store(p + 2 * part);
        ComplexLanes<T>.PlusI(other, turned).Times(twiddles + 4).Store(p + 3 * part);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Join(T* p, int part) =>
        Merge(
            p,
            part,
            ComplexLanes<T>.Load(p),
            ComplexLanes<T>.Load(p + part),
            ComplexLanes<T>.Load(p + 2 * part),
            ComplexLanes<T>.Load(p + 3 * part)
        );

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Join(T* p, int part, T* twiddles) =>
        Merge(
            p,
            part,
            ComplexLanes<T>.Load(p),
            ComplexLanes<T>.Load(p + part).TimesConjugate(twiddles),
            ComplexLanes<T>.Load(p + 2 * part).TimesConjugate(twiddles + 2),
            ComplexLanes<T>.Load(p + 3 * part).TimesConjugate(twiddles + 4)
        );

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Merge(T* p, int part, ComplexLanes<T> a, ComplexLanes<T> b, ComplexLanes<T> c, ComplexLanes<T> d)
    {
        ComplexLanes<T> ac = a + c,
            bd = b + d,
            other = a - c,
            turned = b - d;
        (ac + bd).Store(p);
        ComplexLanes<T>.PlusI(other, turned).Store(p + part);
        (ac - bd).Store(p + 2 * part);
        ComplexLanes<T>.MinusI(other, turned).Store(p + 3 * part);
    }

    // Each step spreads the frequencies over its parts by their lowest digit: the place's digits, turned round.
    private static int Frequency(int place, int length)
    {
        var (frequency, unit) = (0, 1);
        for (var span = length; span > 1; )
        {
            var radix = span >= 4 ? 4 : 2;
            span /= radix;
            frequency += place / span * unit;
            place %= span;
            unit *= radix;
        }
        return frequency;
    }

    private static void Put(T* to, int k, int n) =>
        (to[0], to[1]) = (T.CreateTruncating(Math.Cos(2 * Math.PI * k / n)), T.CreateTruncating(-Math.Sin(2 * Math.PI * k / n)));
}
