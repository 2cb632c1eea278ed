using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;

namespace InvFusion.Runtime;

/// <summary>Starts libtorch once per process. Call <see cref="Initialize"/> before the first use of <c>TorchSharp.torch</c>.</summary>
public static partial class TorchRuntime
{
    private static readonly Lock Gate = new();
    private static bool _ready;

    /// <summary>Loads the native libraries, sets the thread count and the allocator.</summary>
    /// <param name="threads">Threads of libtorch's operations; 0 keeps its own choice.</param>
    /// <exception cref="NativeRuntimeException">libtorch cannot be loaded; the message gives the remedy.</exception>
    public static void Initialize(int threads = 0)
    {
        lock (Gate)
        {
            if (!_ready)
            {
                KeepFreedMemory();
                NativeTorch.Load();
                Touch();
                _ready = true;
            }
            if (threads > 0)
                SetThreads(threads);
        }
    }

    // In methods of their own, so that the JIT resolves TorchSharp only after the libraries are loaded.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Touch()
    {
        try
        {
            torch.InitializeDeviceType(DeviceType.CPU);
        }
        catch (Exception e) when (e is NotSupportedException or TypeInitializationException or DllNotFoundException)
        {
            throw new NativeRuntimeException($"libtorch does not start: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void SetThreads(int threads) => torch.set_num_threads(threads);

    // glibc returns every big freed block to the system and pays page faults to get it back: two calls keep it (a factor of 2 to 5 on big tensors).
    private static void KeepFreedMemory()
    {
        if (!OperatingSystem.IsLinux())
            return;
        try
        {
            _ = MallOpt(MmapThreshold, 1 << 30);
            _ = MallOpt(TrimThreshold, int.MaxValue);
        }
        catch (EntryPointNotFoundException)
        {
            // Not glibc (musl): its allocator has no such switch.
        }
    }

    private const int TrimThreshold = -1;
    private const int MmapThreshold = -3;

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallOpt(int parameter, int value);
}
