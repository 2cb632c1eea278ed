using System.Runtime.InteropServices;

namespace InvFusion.Distributed;

/// <summary>NCCL's functions, from libtorch's own copy or a file beside it, and the CUDA driver's calls that choose a GPU for a thread.</summary>
internal sealed unsafe class NcclLibrary
{
    private readonly delegate* unmanaged<int, byte*> _describe;

    private NcclLibrary(nint nccl, nint driver)
    {
        GetUniqueId = (delegate* unmanaged<NcclId*, int>)NativeLibrary.GetExport(nccl, "ncclGetUniqueId");
        CommInitRank = (delegate* unmanaged<nint*, int, NcclId, int, int>)NativeLibrary.GetExport(nccl, "ncclCommInitRank");
        AllReduce = (delegate* unmanaged<nint, nint, nuint, int, int, nint, nint, int>)NativeLibrary.GetExport(nccl, "ncclAllReduce");
        Broadcast = (delegate* unmanaged<nint, nint, nuint, int, int, nint, nint, int>)NativeLibrary.GetExport(nccl, "ncclBroadcast");
        GetAsyncError = (delegate* unmanaged<nint, int*, int>)NativeLibrary.GetExport(nccl, "ncclCommGetAsyncError");
        CommDestroy = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(nccl, "ncclCommDestroy");
        _describe = (delegate* unmanaged<int, byte*>)NativeLibrary.GetExport(nccl, "ncclGetErrorString");
        DriverInit = (delegate* unmanaged<uint, int>)NativeLibrary.GetExport(driver, "cuInit");
        DeviceGet = (delegate* unmanaged<int*, int, int>)NativeLibrary.GetExport(driver, "cuDeviceGet");
        PrimaryContext = (delegate* unmanaged<nint*, int, int>)NativeLibrary.GetExport(driver, "cuDevicePrimaryCtxRetain");
        SetContext = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(driver, "cuCtxSetCurrent");
    }

    public delegate* unmanaged<NcclId*, int> GetUniqueId { get; }
    public delegate* unmanaged<nint*, int, NcclId, int, int> CommInitRank { get; }
    public delegate* unmanaged<nint, nint, nuint, int, int, nint, nint, int> AllReduce { get; }
    public delegate* unmanaged<nint, nint, nuint, int, int, nint, nint, int> Broadcast { get; }
    public delegate* unmanaged<nint, int*, int> GetAsyncError { get; }
    public delegate* unmanaged<nint, int> CommDestroy { get; }
    public delegate* unmanaged<uint, int> DriverInit { get; }
    public delegate* unmanaged<int*, int, int> DeviceGet { get; }
    public delegate* unmanaged<nint*, int, int> PrimaryContext { get; }
    public delegate* unmanaged<nint, int> SetContext { get; }

    /// <summary>Loads NCCL.</summary>
    /// <param name="file">Its file; null to look for it.</param>
    /// <exception cref="NativeRuntimeException">It is missing; the message gives the remedy.</exception>
    public static NcclLibrary Load(string? file)
    {
        // Some builds of libtorch contain it.
        string[] names = string.IsNullOrEmpty(file) ? ["libtorch_cuda.so", "libnccl.so.2"] : [file];
        foreach (var name in names)
            if (NativeLibrary.TryLoad(name, out var nccl) && NativeLibrary.TryGetExport(nccl, "ncclCommInitRank", out _))
                return new(nccl, Driver());
        throw new NativeRuntimeException(
            $"NCCL is not found ({string.Join(", ", names)}): install it (Debian, Ubuntu: libnccl2), give its file in {Collectives.NcclVariable}, or set {Collectives.NcclVariable}=off to exchange through the host's memory"
        );
    }

    /// <summary>Turns an error code of NCCL into an exception.</summary>
    public void Check(int code)
    {
        if (code != 0)
            throw new NativeRuntimeException($"NCCL: {Marshal.PtrToStringUTF8((nint)_describe(code))} (NCCL_DEBUG=INFO tells more)");
    }

    /// <summary>Turns an error code of the driver into an exception.</summary>
    public static void CheckDriver(int code, string call)
    {
        if (code != 0)
            throw new NativeRuntimeException($"CUDA: {call} failed with code {code}; see whether 'nvidia-smi' shows the GPU");
    }

    private static nint Driver() =>
        NativeLibrary.TryLoad("libcuda.so.1", out var driver)
            ? driver
            : throw new NativeRuntimeException("libcuda.so.1 is not found: install the driver of the GPU");
}
