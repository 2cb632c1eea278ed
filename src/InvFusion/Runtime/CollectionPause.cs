using System.Runtime;

namespace InvFusion.Runtime;

/// <summary>
/// Keeps the garbage collector from running while libtorch works and other threads allocate. Numbers given to TorchSharp's operations become managed objects that own
/// native memory; nothing refers to them once the native call has begun, so a collection that another thread sets off then frees them under libtorch: an error
/// ("Unknown scalar type") or, worse, a wrong result, about once in ten such collections on a busy machine. Collections set off by the calling thread do no harm.
/// </summary>
/// <remarks>One pause at a time and for the whole process; an inner or concurrent one does nothing. Costs one full collection, a few milliseconds.</remarks>
internal readonly struct CollectionPause : IDisposable
{
    private readonly bool _ours;

    private CollectionPause(bool ours) => _ours = ours;

    /// <summary>Collects, then allows the given number of bytes to be allocated without another collection.</summary>
    public static CollectionPause Begin(long bytes)
    {
        try
        {
            return new(GC.TryStartNoGCRegion(bytes));
        }
        catch (InvalidOperationException)
        {
            return new(ours: false); // another pause is on
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_ours || GCSettings.LatencyMode != GCLatencyMode.NoGCRegion)
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
