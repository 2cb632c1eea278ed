namespace InvFusion.Ops.Kernels;

/// <summary>Our own CPU kernels that do several steps of the network at once.</summary>
public static class FusedKernels
{
    /// <summary>Whether they are used where they can be; without them the network goes step by step through libtorch, to compare the two. True at first.</summary>
    public static bool Enabled { get; set; } = true;
}
