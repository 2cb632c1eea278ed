using System.Runtime.InteropServices;
using System.Text;

namespace InvFusion.Distributed;

/// <summary>The functions of a loaded MPI library and the handles of its family. A handle travels as a word: an address, or a number in its low half.</summary>
internal sealed unsafe class MpiLibrary
{
    private const int TextLength = 8192; // MPI_MAX_LIBRARY_VERSION_STRING
    private readonly nint _handle;

    private MpiLibrary(nint handle, string name)
    {
        (_handle, Name) = (handle, name);
        // MPICH's handles are constants of its headers, OpenMPI's are exported data.
        Family = NativeLibrary.TryGetExport(handle, "ompi_mpi_comm_world", out _) ? MpiFamily.OpenMpi : MpiFamily.Mpich;
        var open = Family == MpiFamily.OpenMpi;
        World = open ? Export("ompi_mpi_comm_world") : 0x44000000;
        Float32 = open ? Export("ompi_mpi_float") : 0x4c00040a;
        Float64 = open ? Export("ompi_mpi_double") : 0x4c00080b;
        Int64 = open ? Export("ompi_mpi_int64_t") : 0x4c00083a;
        Byte = open ? Export("ompi_mpi_byte") : 0x4c00010d;
        Sum = open ? Export("ompi_mpi_op_sum") : 0x58000003;
        Max = open ? Export("ompi_mpi_op_max") : 0x58000001;
        NoInfo = open ? Export("ompi_mpi_info_null") : 0x1c000000;
        ErrorsReturn = open ? Export("ompi_mpi_errors_return") : 0x54000001;
        InPlace = open ? 1 : -1;
        SharedMemory = open ? 0 : 1; // MPI_COMM_TYPE_SHARED

        InitThread = (delegate* unmanaged<nint, nint, int, int*, int>)Export("MPI_Init_thread");
        Finish = (delegate* unmanaged<int>)Export("MPI_Finalize");
        AbortAll = (delegate* unmanaged<nint, int, int>)Export("MPI_Abort");
        CommRank = (delegate* unmanaged<nint, int*, int>)Export("MPI_Comm_rank");
        CommSize = (delegate* unmanaged<nint, int*, int>)Export("MPI_Comm_size");
        CommSplitType = (delegate* unmanaged<nint, int, int, nint, nint*, int>)Export("MPI_Comm_split_type");
        CommFree = (delegate* unmanaged<nint*, int>)Export("MPI_Comm_free");
        SetErrorHandler = (delegate* unmanaged<nint, nint, int>)Export("MPI_Comm_set_errhandler");
        Barrier = (delegate* unmanaged<nint, int>)Export("MPI_Barrier");
        Broadcast = (delegate* unmanaged<void*, int, nint, int, nint, int>)Export("MPI_Bcast");
        AllReduce = (delegate* unmanaged<nint, void*, int, nint, nint, nint, int>)Export("MPI_Allreduce");
        AllGather = (delegate* unmanaged<void*, int, nint, void*, int, nint, nint, int>)Export("MPI_Allgather");
    }

    public string Name { get; }
    public MpiFamily Family { get; }
    public nint World { get; }
    public nint Float32 { get; }
    public nint Float64 { get; }
    public nint Int64 { get; }
    public nint Byte { get; }
    public nint Sum { get; }
    public nint Max { get; }
    public nint NoInfo { get; }
    public nint ErrorsReturn { get; }
    public nint InPlace { get; }
    public int SharedMemory { get; }
    public delegate* unmanaged<nint, nint, int, int*, int> InitThread { get; }
    public delegate* unmanaged<int> Finish { get; }
    public delegate* unmanaged<nint, int, int> AbortAll { get; }
    public delegate* unmanaged<nint, int*, int> CommRank { get; }
    public delegate* unmanaged<nint, int*, int> CommSize { get; }
    public delegate* unmanaged<nint, int, int, nint, nint*, int> CommSplitType { get; }
    public delegate* unmanaged<nint*, int> CommFree { get; }
    public delegate* unmanaged<nint, nint, int> SetErrorHandler { get; }
    public delegate* unmanaged<nint, int> Barrier { get; }
    public delegate* unmanaged<void*, int, nint, int, nint, int> Broadcast { get; }
    public delegate* unmanaged<nint, void*, int, nint, nint, nint, int> AllReduce { get; }
    public delegate* unmanaged<void*, int, nint, void*, int, nint, nint, int> AllGather { get; }

    /// <summary>Loads the library that belongs to a launcher.</summary>
    /// <exception cref="NativeRuntimeException">It is missing, or is no MPI library.</exception>
    public static MpiLibrary Load(Launch launch)
    {
        foreach (var name in launch.Libraries)
        {
            if (!NativeLibrary.TryLoad(name, out var handle))
                continue;
            try
            {
                return new(handle, name);
            }
            catch (EntryPointNotFoundException e)
            {
                throw new NativeRuntimeException(
                    $"{name}: is no MPI library ({e.Message.ReplaceLineEndings(" ")}); set {Launch.Override} to openmpi, mpich or another file",
                    e
                );
            }
        }
        var remedy =
            launch.Library is not null ? $"correct {Launch.Override}"
            : launch.Family == MpiFamily.OpenMpi
                ? "install OpenMPI's library (Debian: libopenmpi3), or use the launcher of the MPI that is installed"
            : "install MPICH's library (Debian: libmpich12), or use the launcher of the MPI that is installed";
        throw new NativeRuntimeException(
            $"{launch.Launcher} started this process, but {string.Join(" or ", launch.Libraries)} cannot be loaded: {remedy}"
        );
    }

    /// <summary>Turns an error code of the library into an exception.</summary>
    public void Check(int code)
    {
        if (code == 0)
            return;
        var describe = (delegate* unmanaged<int, byte*, int*, int>)Export("MPI_Error_string");
        var text = stackalloc byte[TextLength];
        var length = 0;
        _ = describe(code, text, &length);
        throw new NativeRuntimeException(
            $"{Name}: {Encoding.UTF8.GetString(text, length).ReplaceLineEndings(" ")}; another rank may be gone"
        );
    }

    private nint Export(string name) => NativeLibrary.GetExport(_handle, name);
}
