using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace InvFusion.Ops.Kernels;

/// <summary>What conjugate gradients do with vectors of doubles whose length is a multiple of eight.</summary>
internal static unsafe class DoubleVectors
{
    /// <summary>a·b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Dot(double* a, double* b, int length)
    {
        var sum = Vector512<double>.Zero;
        for (var i = 0; i < length; i += 8)
            sum = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), Vector512.Load(b + i), sum);
        return Vector512.Sum(sum);
    }

    /// <summary>to += factor · from.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(double* to, double factor, double* from, int length)
    {
        var wide = Vector512.Create(factor);
        for (var i = 0; i < length; i += 8)
            Vector512.FusedMultiplyAdd(Vector512.Load(from + i), wide, Vector512.Load(to + i)).Store(to + i);
    }

    /// <summary>p = β p + M r, where M is a diagonal of complex lanes or, without weights, nothing.</summary>
    /// <param name="p">p.</param>
    /// <param name="beta">β.</param>
    /// <param name="r">r.</param>
    /// <param name="weights">A weight for both parts of a point, or null.</param>
    /// <param name="repeat">The numbers after which the weights begin again, a power of two.</param>
    /// <param name="length">Numbers of p and r.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Turn(double* p, double beta, double* r, double* weights, int repeat, int length)
    {
        var factor = Vector512.Create(beta);
        for (var i = 0; i < length; i += 8)
            Vector512.FusedMultiplyAdd(Vector512.Load(p + i), factor, Vector512.Load(r + i) * Weight(weights, i, repeat)).Store(p + i);
    }

    /// <summary>r·M r.</summary>
    /// <param name="r">r.</param>
    /// <param name="weights">As for <see cref="Turn"/>.</param>
    /// <param name="repeat">As for <see cref="Turn"/>.</param>
    /// <param name="length">Numbers of r.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Norm(double* r, double* weights, int repeat, int length)
    {
        var sum = Vector512<double>.Zero;
        for (var i = 0; i < length; i += 8)
        {
            var x = Vector512.Load(r + i);
            sum = Vector512.FusedMultiplyAdd(x * x, Weight(weights, i, repeat), sum);
        }
        return Vector512.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Weight(double* weights, int i, int repeat) =>
        weights is null ? Vector512<double>.One : Vector512.Load(weights + (i & (repeat - 1)) / ComplexLanes<double>.Size * 8);
}
