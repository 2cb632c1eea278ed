using InvFusion.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace InvFusion.Distributed;

/// <summary>Ranks that a launcher of MPI has started. Tensors of a GPU travel through the host's memory.</summary>
internal sealed unsafe class MpiCollective : ICollective
{
    private const int ThreadMultiple = 3; // the watch over the other ranks may end the job beside a running exchange
    private const long Chunk = 1 << 28; // counts are 32-bit
    private static readonly TimeSpan AbortPatience = TimeSpan.FromSeconds(3);
    private readonly MpiLibrary _mpi;
    private readonly DeathWatch? _watch; // null while it is being made

    /// <summary>Joins the other ranks.</summary>
    /// <param name="launch">What the launcher says.</param>
    /// <param name="lost">Told when a rank has died, just before the others end.</param>
    /// <exception cref="NativeRuntimeException">The library is missing, or belongs to another launcher.</exception>
    public MpiCollective(Launch launch, Action<string>? lost = null)
    {
        NativeProcess.Prefer("UCX_ERROR_SIGNALS", ""); // UCX would take SIGSEGV, from which .NET makes NullReferenceException
        _mpi = MpiLibrary.Load(launch);
        int provided,
            rank,
            size;
        Check(_mpi.InitThread(0, 0, ThreadMultiple, &provided));
        Check(_mpi.SetErrorHandler(_mpi.World, _mpi.ErrorsReturn));
        Check(_mpi.CommRank(_mpi.World, &rank));
        Check(_mpi.CommSize(_mpi.World, &size));
        (Rank, Size) = (rank, size);
        // A library that does not know its launcher believes itself alone: as many silent runs of one rank as there are processes.
        if (launch.Size > 0 && launch.Size != size)
            throw new NativeRuntimeException(
                $"{launch.Launcher} started {launch.Size} processes, but {_mpi.Name} sees {size}: launcher and library belong to different MPIs; use the launcher of this library, or set {Launch.Override} to openmpi, mpich or a library's file"
            );
        (LocalRank, LocalSize, Processors) = Local();
        _watch = new DeathWatch(this, lost);
    }

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int Size { get; }

    /// <inheritdoc/>
    public int LocalRank { get; }

    /// <inheritdoc/>
    public int LocalSize { get; }

    /// <inheritdoc/>
    public ProcessorShare Processors { get; }

    /// <inheritdoc/>
    public void Sum(Tensor values) => OnHost(values, host => Sum(TensorMemory.Address(host), host.NumberOfElements, host.dtype));

    /// <inheritdoc/>
    public void Broadcast(Tensor values) =>
        OnHost(values, host => Broadcast((byte*)TensorMemory.Address(host), host.NumberOfElements * host.ElementSize));

    /// <inheritdoc/>
    public void Reduce(Span<double> values, Reduction reduction)
    {
        fixed (double* pointer = values)
            AllReduce((byte*)pointer, values.Length, sizeof(double), _mpi.Float64, reduction == Reduction.Sum ? _mpi.Sum : _mpi.Max);
    }

    /// <inheritdoc/>
    public void Broadcast(Span<byte> bytes)
    {
        fixed (byte* pointer = bytes)
            Broadcast(pointer, bytes.Length);
    }

    /// <inheritdoc/>
    public void Barrier() => Check(_mpi.Barrier(_mpi.World));

    /// <inheritdoc/>
    public void Abort(int code)
    {
        _watch?.Tell(code);
        // Should the library's own way hang, this process ends all the same, and the watch of the others sees it.
        var end = new Thread(() =>
        {
            Thread.Sleep(AbortPatience);
            NativeProcess.ExitNow(code);
        })
        {
            IsBackground = true,
        };
        end.Start();
        _ = _mpi.AbortAll(_mpi.World, code);
        NativeProcess.ExitNow(code);
    }

    /// <summary>Waits for the other ranks and leaves in order.</summary>
    public void Dispose()
    {
        Barrier();
        _watch!.Dispose();
        Check(_mpi.Finish());
    }

    private (int Rank, int Size, ProcessorShare Processors) Local()
    {
        nint local = 0; // MPICH writes its low half
        int rank,
            size;
        Check(_mpi.CommSplitType(_mpi.World, _mpi.SharedMemory, Rank, _mpi.NoInfo, &local));
        Check(_mpi.CommRank(local, &rank));
        Check(_mpi.CommSize(local, &size));
        var mine = new byte[HostProcessors.MaskBytes];
        HostProcessors.Mask(mine);
        var all = new byte[size * mine.Length];
        fixed (
            byte* from = mine,
                to = all
        )
            Check(_mpi.AllGather(from, mine.Length, _mpi.Byte, to, mine.Length, _mpi.Byte, local));
        Check(_mpi.CommFree(&local));
        return (rank, size, ProcessorShare.Of(all, rank, size, HostProcessors.Count, HostProcessors.Quota(mine)));
    }

    private static void OnHost(Tensor values, Action<Tensor> exchange)
    {
        if (values.device_type == DeviceType.CPU)
        {
            exchange(values);
            return;
        }
        using var noGrad = no_grad();
        using var host = values.cpu();
        exchange(host);
        values.copy_(host).Dispose();
    }

    private void Sum(nint address, long count, ScalarType type)
    {
        var (handle, size) = type switch
        {
            ScalarType.Float32 => (_mpi.Float32, 4),
            ScalarType.Float64 => (_mpi.Float64, 8),
            ScalarType.Int64 => (_mpi.Int64, 8),
            _ => throw new ArgumentException($"sums of {type} are not exchanged; use Float32, Float64 or Int64"),
        };
        AllReduce((byte*)address, count, size, handle, _mpi.Sum);
    }

    private void AllReduce(byte* values, long count, int size, nint type, nint op)
    {
        for (long first = 0; first < count; first += Chunk)
            Check(_mpi.AllReduce(_mpi.InPlace, values + first * size, (int)Math.Min(Chunk, count - first), type, op, _mpi.World));
    }

    private void Broadcast(byte* bytes, long count)
    {
        for (long first = 0; first < count; first += Chunk)
            Check(_mpi.Broadcast(bytes + first, (int)Math.Min(Chunk, count - first), _mpi.Byte, 0, _mpi.World));
    }

    private void Check(int code) => _mpi.Check(code);
}
