using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace InvFusion.Ops.Kernels;

/// <summary>float32.</summary>
internal readonly unsafe struct Float32Lane : ILane<Float32Lane>
{
#pragma warning disable CS0169, IDE0051, CA1823 // it gives the struct its size
    private readonly float _value;
#pragma warning restore CS0169, IDE0051, CA1823

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(Float32Lane* from) => Vector512.Load((float*)from);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Float32Lane* to, Vector512<float> values) => values.Store((float*)to);
}
