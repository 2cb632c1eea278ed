using System.Runtime.Intrinsics;

namespace InvFusion.Ops.Kernels;

/// <summary>A number as it lies in memory, computed with as float32, sixteen at a time.</summary>
/// <typeparam name="TSelf">The number itself.</typeparam>
internal unsafe interface ILane<TSelf>
    where TSelf : unmanaged, ILane<TSelf>
{
    /// <summary>Reads sixteen numbers.</summary>
    static abstract Vector512<float> Load(TSelf* from);

    /// <summary>Writes sixteen numbers, rounded to nearest.</summary>
    static abstract void Store(TSelf* to, Vector512<float> values);
}
