using System.Runtime.InteropServices;

namespace InvFusion.Distributed;

/// <summary>What the system says of the processors (Linux).</summary>
internal static unsafe partial class HostProcessors
{
    /// <summary>Bytes of <see cref="Mask"/>: 1024 processors, as many as glibc's own sets have.</summary>
    public const int MaskBytes = 128;

    private const int Online = 84; // _SC_NPROCESSORS_ONLN

    /// <summary>The processors that this process may run on, a bit for each.</summary>
    public static void Mask(Span<byte> mask)
    {
        mask.Clear();
        fixed (byte* bytes = mask)
            if (GetAffinity(0, (nuint)mask.Length, bytes) >= 0)
                return;
        for (var i = 0; i < Environment.ProcessorCount; i++) // more processors than bits: as if nothing were bound
            mask[i / 8] |= (byte)(1 << i % 8);
    }

    /// <summary>Processors of the host.</summary>
    public static int Count => Math.Max((int)SystemValue(Online), Environment.ProcessorCount);

    /// <summary>
    /// Processors that a container's limit leaves for all processes in it, or all of the host's. The runtime gives the smaller one of limit and mask: where
    /// it gives less than the mask has, that is the limit.
    /// </summary>
    public static int Quota(ReadOnlySpan<byte> mask)
    {
        var allowed = 0;
        foreach (var b in mask)
            allowed += int.PopCount(b);
        return Environment.ProcessorCount < allowed ? Environment.ProcessorCount : Count;
    }

    [LibraryImport("libc", EntryPoint = "sched_getaffinity")]
    private static partial int GetAffinity(int process, nuint bytes, byte* mask);

    [LibraryImport("libc", EntryPoint = "sysconf")]
    private static partial nint SystemValue(int name);
}
