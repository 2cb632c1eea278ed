using System.Runtime.Intrinsics;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// The norm of one token. The ends of rows that are no whole vectors have loops of their own: a call in the main one would drive its sums out of the registers.
/// </summary>
internal static unsafe class RmsNormRow
{
    /// <summary>to = x · scale · rsqrt(mean(x²) + ε).</summary>
    public static void Apply<T>(float* x, float* scale, T* to, int width)
        where T : unmanaged, ILane<T> => Scale(x, Square(x, width), scale, to, width);

    /// <summary>to = x + add, and Σ to².</summary>
    public static float AddAndSquare<T>(float* x, T* add, float* to, int width)
        where T : unmanaged, ILane<T>
    {
        var squares = Vector512<float>.Zero;
        var i = 0;
        for (; i + Lanes.Width <= width; i += Lanes.Width)
        {
            var value = Vector512.Load(x + i) + T.Load(add + i);
            value.Store(to + i);
            squares = Vector512.FusedMultiplyAdd(value, value, squares);
        }
        if (i < width)
        {
            var value = Lanes.LoadFew((Float32Lane*)(x + i), width - i) + Lanes.LoadFew(add + i, width - i);
            Lanes.StoreFew((Float32Lane*)(to + i), width - i, value);
            squares = Vector512.FusedMultiplyAdd(value, value, squares);
        }
        return Vector512.Sum(squares);
    }

    /// <summary>Σ x².</summary>
    public static float Square(float* x, int width)
    {
        var squares = Vector512<float>.Zero;
        var i = 0;
        for (; i + Lanes.Width <= width; i += Lanes.Width)
        {
            var value = Vector512.Load(x + i);
            squares = Vector512.FusedMultiplyAdd(value, value, squares);
        }
        if (i < width)
        {
            var value = Lanes.LoadFew((Float32Lane*)(x + i), width - i);
            squares = Vector512.FusedMultiplyAdd(value, value, squares);
        }
        return Vector512.Sum(squares);
    }

    /// <summary>to = x · scale · rsqrt(squares / width + ε).</summary>
    public static void Scale<T>(float* x, float squares, float* scale, T* to, int width)
        where T : unmanaged, ILane<T>
    {
        var inverse = Vector512.Create(1 / MathF.Sqrt(squares / width + (float)RmsNorm.Epsilon));
        var i = 0;
        for (; i + Lanes.Width <= width; i += Lanes.Width)
            T.Store(to + i, Vector512.Load(x + i) * (Vector512.Load(scale + i) * inverse));
        if (i < width)
        {
            var scaled = Lanes.LoadFew((Float32Lane*)(scale + i), width - i) * inverse;
            Lanes.StoreFew(to + i, width - i, Lanes.LoadFew((Float32Lane*)(x + i), width - i) * scaled);
        }
    }
}
