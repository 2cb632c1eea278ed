using InvFusion.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace InvFusion.Distributed;

/// <summary>Ranks that exchange tensors of GPUs through NCCL, and everything else through the ranks that it starts from.</summary>
internal sealed unsafe class NcclCollective : ICollective
{
    private const nint DefaultStream = 0; // libtorch's own as long as nobody chooses another: an exchange follows what was computed, and is followed
    private const int Byte = 1;
    private const int Int64 = 4;
    private const int Float32 = 7;
    private const int Float64 = 8;
    private const int SumOperation = 0;
    private readonly ICollective _ranks;
    private readonly NcclLibrary _nccl;
    private readonly nint _context;
    private readonly nint _communicator;

    /// <summary>Joins the GPUs of all ranks; all of them call it.</summary>
    /// <param name="ranks">The ranks; not owned.</param>
    /// <param name="device">This rank's GPU.</param>
    /// <param name="file">NCCL's file; null to look for it.</param>
    /// <exception cref="NativeRuntimeException">NCCL is missing or does not start.</exception>
    public NcclCollective(ICollective ranks, int device, string? file)
    {
        (_ranks, _nccl) = (ranks, NcclLibrary.Load(file));
        int handle;
        nint context,
            communicator;
        NcclLibrary.CheckDriver(_nccl.DriverInit(0), "cuInit");
        NcclLibrary.CheckDriver(_nccl.DeviceGet(&handle, device), "cuDeviceGet");
        NcclLibrary.CheckDriver(_nccl.PrimaryContext(&context, handle), "cuDevicePrimaryCtxRetain");
        _context = context;
        EnterDevice();
        NcclId id = default;
        if (ranks.IsFirst())
            _nccl.Check(_nccl.GetUniqueId(&id));
        ranks.Broadcast(new Span<byte>(&id, NcclId.Length));
        _nccl.Check(_nccl.CommInitRank(&communicator, ranks.Size, id, ranks.Rank));
        _communicator = communicator;
    }

    /// <inheritdoc/>
    public int Rank => _ranks.Rank;

    /// <inheritdoc/>
    public int Size => _ranks.Size;

    /// <inheritdoc/>
    public int LocalRank => _ranks.LocalRank;

    /// <inheritdoc/>
    public int LocalSize => _ranks.LocalSize;

    /// <inheritdoc/>
    public ProcessorShare Processors => _ranks.Processors;

    /// <inheritdoc/>
    public void Sum(Tensor values)
    {
        if (values.device_type != DeviceType.CUDA)
        {
            _ranks.Sum(values);
            return;
        }
        var type = values.dtype switch
        {
            ScalarType.Float32 => Float32,
            ScalarType.Float64 => Float64,
            ScalarType.Int64 => Int64,
            _ => throw new ArgumentException($"sums of {values.dtype} are not exchanged; use Float32, Float64 or Int64"),
        };
        EnterDevice();
        var address = TensorMemory.Address(values);
        var count = (nuint)values.NumberOfElements;
        _nccl.Check(_nccl.AllReduce(address, address, count, type, SumOperation, _communicator, DefaultStream));
        CheckPeers();
    }

    /// <inheritdoc/>
    public void Broadcast(Tensor values)
    {
        if (values.device_type != DeviceType.CUDA)
        {
            _ranks.Broadcast(values);
            return;
        }
        EnterDevice();
        var address = TensorMemory.Address(values);
        var count = (nuint)(values.NumberOfElements * values.ElementSize);
        _nccl.Check(_nccl.Broadcast(address, address, count, Byte, 0, _communicator, DefaultStream));
        CheckPeers();
    }

    /// <inheritdoc/>
    public void Reduce(Span<double> values, Reduction reduction) => _ranks.Reduce(values, reduction);

    /// <inheritdoc/>
    public void Broadcast(Span<byte> bytes) => _ranks.Broadcast(bytes);

    /// <inheritdoc/>
    public void Barrier() => _ranks.Barrier();

    /// <inheritdoc/>
    public void Abort(int code) => _ranks.Abort(code);

    /// <summary>Leaves NCCL; the ranks stay.</summary>
    public void Dispose()
    {
        EnterDevice();
        _nccl.Check(_nccl.CommDestroy(_communicator));
    }

    // The current GPU belongs to the thread, and libtorch changes it.
    private void EnterDevice() => NcclLibrary.CheckDriver(_nccl.SetContext(_context), "cuCtxSetCurrent");

    private void CheckPeers()
    {
        int error;
        _nccl.Check(_nccl.GetAsyncError(_communicator, &error));
        const int InProgress = 7;
        if (error != InProgress)
            _nccl.Check(error);
    }
}
