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
                WaitWithoutSpinning();
                NativeTorch.Load();
                MklDispatch.TakeFastKernels();
                Touch();
                _ready = true;
            }
            if (threads > 0)
                SetThreads(threads);
        }
    }

    /// <summary>
    /// Ends the process now, where libtorch is loaded on Linux; elsewhere returns, and the process ends as usual. libtorch's destructors take a tenth of a second for
    /// memory that the system takes back anyhow. All files must be closed, ranks have left.
    /// </summary>
    public static void Exit(int code)
    {
        if (!_ready || !OperatingSystem.IsLinux())
            return;
        Console.Out.Flush();
        Console.Error.Flush();
        NativeProcess.ExitNow(code);
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

    // glibc returns every big freed block to the system and pays page faults to get it back: two calls keep it (a factor of 2 to 5 on big tensors). What other
    // threads than the first allocate lies in heaps of 64 MB, which go back as soon as one is empty; with room for one asked for behind each, it stays.
    private static void KeepFreedMemory()
    {
        if (!OperatingSystem.IsLinux())
            return;
        try
        {
            _ = MallOpt(MmapThreshold, 1 << 30);
            _ = MallOpt(TrimThreshold, int.MaxValue);
            _ = MallOpt(TopPad, 64 << 20);
        }
        catch (EntryPointNotFoundException)
        {
            // Not glibc (musl): its allocator has no such switch.
        }
    }

    // OpenMP's threads wait for each other in a loop of milliseconds. Where other processes want the processors too, they wait for one that does not run, and
    // everything is ten times slower; a loop about as long as the system takes to wake a thread, and then sleep, is good in both cases. The user's own choice stays.
    private static void WaitWithoutSpinning()
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is not null)
            return;
        NativeProcess.Prefer("GOMP_SPINCOUNT", "5000"); // read by libgomp when it is loaded
    }

    private const int TrimThreshold = -1;
    private const int TopPad = -2;
    private const int MmapThreshold = -3;

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallOpt(int parameter, int value);
}
