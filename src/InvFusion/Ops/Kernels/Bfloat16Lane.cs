using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace InvFusion.Ops.Kernels;

/// <summary>bfloat16: the upper half of a float32.</summary>
internal readonly unsafe struct Bfloat16Lane : ILane<Bfloat16Lane>
{
#pragma warning disable CS0169, IDE0051, CA1823 // it gives the struct its size
    private readonly ushort _value;
#pragma warning restore CS0169, IDE0051, CA1823

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(Bfloat16Lane* from)
    {
        var halves = Vector256.Load((ushort*)from);
        var wide = Avx512F.IsSupported
            ? Avx512F.ConvertToVector512UInt32(halves)
            : Vector512.Create(Vector256.WidenLower(halves), Vector256.WidenUpper(halves));
        return (wide << 16).AsSingle();
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Bfloat16Lane* to, Vector512<float> values)
    {
        var rounded = Rounded(values);
        var halves = Avx512F.IsSupported
            ? Avx512F.ConvertToVector256UInt16(rounded)
            : Vector256.Narrow(rounded.GetLower(), rounded.GetUpper());
        halves.Store((ushort*)to);
    }

    /// <summary>Writes sixteen pairs: a number of one vector and beside it that of the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePairs(Bfloat16Lane* to, Vector512<float> first, Vector512<float> second) =>
        (Rounded(first) | (Rounded(second) << 16)).Store((uint*)to);

    // To nearest, ties to even; the carry could turn a NaN into a number, so that one is written as such.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Rounded(Vector512<float> values)
    {
        var bits = values.AsUInt32();
        var rounded = (bits + Vector512.Create(0x7FFFu) + ((bits >> 16) & Vector512<uint>.One)) >> 16;
        return Vector512.ConditionalSelect(Vector512.Equals(values, values).AsUInt32(), rounded, Vector512.Create(0x7FC0u));
    }
}
