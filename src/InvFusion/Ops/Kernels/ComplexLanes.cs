using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace InvFusion.Ops.Kernels;

/// <summary>A vector of complex numbers, sixteen of float32 or eight of double; in memory their real parts lie before their imaginary parts.</summary>
/// <typeparam name="T">float or double.</typeparam>
internal readonly unsafe struct ComplexLanes<T>(Vector512<T> real, Vector512<T> imaginary)
    where T : unmanaged
{
    /// <summary>Real numbers that they take in memory.</summary>
    public static int Size => 2 * Vector512<T>.Count;

    /// <summary>The real parts.</summary>
    public readonly Vector512<T> Real = real;

    /// <summary>The imaginary parts.</summary>
    public readonly Vector512<T> Imaginary = imaginary;

    /// <summary>Reads them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ComplexLanes<T> Load(T* from) => new(Vector512.Load(from), Vector512.Load(from + Vector512<T>.Count));

    /// <summary>Writes them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(T* to)
    {
        Real.Store(to);
        Imaginary.Store(to + Vector512<T>.Count);
    }

    /// <summary>The sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ComplexLanes<T> operator +(ComplexLanes<T> a, ComplexLanes<T> b) => new(a.Real + b.Real, a.Imaginary + b.Imaginary);

    /// <summary>The difference.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ComplexLanes<T> operator -(ComplexLanes<T> a, ComplexLanes<T> b) => new(a.Real - b.Real, a.Imaginary - b.Imaginary);

    /// <summary>a + i b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ComplexLanes<T> PlusI(ComplexLanes<T> a, ComplexLanes<T> b) => new(a.Real - b.Imaginary, a.Imaginary + b.Real);

    /// <summary>a - i b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ComplexLanes<T> MinusI(ComplexLanes<T> a, ComplexLanes<T> b) => new(a.Real + b.Imaginary, a.Imaginary - b.Real);

    /// <summary>The product with one number, its real part before its imaginary part.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ComplexLanes<T> Times(T* factor)
    {
        Vector512<T> c = Vector512.Create(factor[0]),
            d = Vector512.Create(factor[1]);
        return new(MultiplySubtract(Real, c, Imaginary * d), MultiplyAdd(Imaginary, c, Real * d));
    }

    /// <summary>The product with the conjugate of one number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ComplexLanes<T> TimesConjugate(T* factor)
    {
        Vector512<T> c = Vector512.Create(factor[0]),
            d = Vector512.Create(factor[1]);
        return new(MultiplyAdd(Real, c, Imaginary * d), MultiplySubtract(Imaginary, c, Real * d));
    }

    /// <summary>The product number by number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ComplexLanes<T> Times(ComplexLanes<T> b) =>
        new(MultiplySubtract(Real, b.Real, Imaginary * b.Imaginary), MultiplyAdd(Imaginary, b.Real, Real * b.Imaginary));

    /// <summary>The product with the conjugates, number by number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ComplexLanes<T> TimesConjugate(ComplexLanes<T> b) =>
        new(MultiplyAdd(Real, b.Real, Imaginary * b.Imaginary), MultiplySubtract(Imaginary, b.Real, Real * b.Imaginary));

    /// <summary>The product with a real number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ComplexLanes<T> Times(Vector512<T> factor) => new(Real * factor, Imaginary * factor);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> MultiplyAdd(Vector512<T> a, Vector512<T> b, Vector512<T> c) =>
        typeof(T) == typeof(float)
            ? Vector512.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>()
            : Vector512.FusedMultiplyAdd(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> MultiplySubtract(Vector512<T> a, Vector512<T> b, Vector512<T> c)
    {
        if (!Avx512F.IsSupported)
            return MultiplyAdd(a, b, -c);
        return typeof(T) == typeof(float)
            ? Avx512F.FusedMultiplySubtract(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>()
            : Avx512F.FusedMultiplySubtract(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>();
    }
}
