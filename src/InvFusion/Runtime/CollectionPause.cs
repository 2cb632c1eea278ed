using System.Runtime;

namespace InvFusion.Runtime;

/// <summary>
/// Keeps the garbage collector from running while libtorch works and other threads allocate. Numbers given to TorchSharp's operations become managed objects that own
/// native memory (even a + b makes one, its factor 1); nothing refers to them once the native call has begun, so a collection that another thread sets off then frees
/// them under libtorch: an error ("Unknown scalar type") or, worse, a wrong result, about once in ten such collections on a busy machine. Collections set off by the
/// calling thread do no harm.
/// </summary>
/// <remarks>
/// One pause at a time and for the whole process, held by the one thread that works with libtorch; an inner or concurrent one does nothing. Long loops call
/// <see cref="Renew"/> between their steps.
/// </remarks>
internal readonly struct CollectionPause : IDisposable
{
    private static long _budget; // of the pause that is on, or 0
    private static long _start; // bytes allocated before it
    private static long _collected; // bytes allocated before the last collection that was made here

    private readonly bool _ours;

    private CollectionPause(bool ours) => _ours = ours;

    /// <summary>
    /// Allows the given number of bytes to be allocated without a collection. Collects before, a few milliseconds, once half as many were allocated since it last did:
    /// each pause gives the collector a new budget, so that of many short pauses in a row none would ever reach it.
    /// </summary>
    public static CollectionPause Begin(long bytes = 64 << 20) => new(Start(bytes));

    /// <summary>Between native calls: once half of what the pause allows has been allocated, collects here, where it does no harm, and pauses anew.</summary>
    public static void Renew()
    {
        var bytes = _budget;
        if (bytes == 0 || GC.GetTotalAllocatedBytes() - _start < bytes / 2)
            return;
        End();
        Start(bytes);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_ours)
            End();
    }

    private static bool Start(long bytes)
    {
        if (_budget != 0)
            return false; // another pause is on
        if (GC.GetTotalAllocatedBytes() - _collected >= bytes / 2)
        {
            // Compacting: a collection that frees what died but keeps the heap's size leaves hundreds of megabytes over a thousand steps.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: true);
            _collected = GC.GetTotalAllocatedBytes();
        }
        try
        {
            if (!GC.TryStartNoGCRegion(bytes))
                return false;
        }
        catch (InvalidOperationException)
        {
            return false; // another pause is on
        }
        (_budget, _start) = (bytes, GC.GetTotalAllocatedBytes());
        return true;
    }

    private static void End()
    {
        _budget = 0;
        if (GCSettings.LatencyMode != GCLatencyMode.NoGCRegion)
            return;
        try
        {
            GC.EndNoGCRegion();
        }
        catch (InvalidOperationException)
        {
            // More was allocated than was asked for: the collector has ended the pause by itself.
        }
    }
}
