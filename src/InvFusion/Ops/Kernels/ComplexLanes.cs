using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace InvFusion.Ops.Kernels;

/// <summary>Sixteen complex numbers; in memory their real parts lie before their imaginary parts.</summary>
internal readonly unsafe struct ComplexLanes(Vector512<float> real, Vector512<float> imaginary)
{
    /// <summary>Floats that they take in memory.</summary>
    public const int Size = 2 * Lanes.Width;

    /// <summary>The real parts.</summary>
    public readonly Vector512<float> Real = real;

    /// <summary>The imaginary parts.</summary>
    public readonly Vector512<float> Imaginary = imaginary;

    /// <summary>Reads them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ComplexLanes Load(float* from) => new(Vector512.Load(from), Vector512.Load(from + Lanes.Width));

    /// <summary>Writes them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* to)
    {
        Real.Store(to);
        Imaginary.Store(to + Lanes.Width);
    }

    /// <summary>The sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ComplexLanes operator +(ComplexLanes a, ComplexLanes b) => new(a.Real + b.Real, a.Imaginary + b.Imaginary);

    /// <summary>The difference.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ComplexLanes operator -(ComplexLanes a, ComplexLanes b) => new(a.Real - b.Real, a.Imaginary - b.Imaginary);

    /// <summary>a + i b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ComplexLanes PlusI(ComplexLanes a, ComplexLanes b) => new(a.Real - b.Imaginary, a.Imaginary + b.Real);

    /// <summary>a - i b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ComplexLanes MinusI(ComplexLanes a, ComplexLanes b) => new(a.Real + b.Imaginary, a.Imaginary - b.Real);

    /// <summary>The product with one number, its real part before its imaginary part.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ComplexLanes Times(float* factor)
    {
        Vector512<float> c = Vector512.Create(factor[0]),
            d = Vector512.Create(factor[1]);
        return new(MultiplySubtract(Real, c, Imaginary * d), Vector512.FusedMultiplyAdd(Imaginary, c, Real * d));
    }

    /// <summary>The product with the conjugate of one number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ComplexLanes TimesConjugate(float* factor)
    {
        Vector512<float> c = Vector512.Create(factor[0]),
            d = Vector512.Create(factor[1]);
        return new(Vector512.FusedMultiplyAdd(Real, c, Imaginary * d), MultiplySubtract(Imaginary, c, Real * d));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> MultiplySubtract(Vector512<float> a, Vector512<float> b, Vector512<float> c) =>
        Avx512F.IsSupported ? Avx512F.FusedMultiplySubtract(a, b, c) : Vector512.FusedMultiplyAdd(a, b, -c);
}
