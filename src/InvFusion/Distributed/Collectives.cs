using TorchSharp;
using static TorchSharp.torch;

namespace InvFusion.Distributed;

/// <summary>Finds the ranks of a job.</summary>
public static class Collectives
{
    /// <summary>off: tensors of GPUs go through the host's memory and MPI. Another value is NCCL's file.</summary>
    internal const string NcclVariable = "INVFUSION_NCCL";

    /// <summary>
    /// The ranks that a launcher (mpirun of OpenMPI or MPICH, srun) has started this process among; a process on its own touches no MPI. The variable
    /// INVFUSION_MPI (openmpi, mpich, a library's file, none) overrides what the launcher's environment says.
    /// </summary>
    /// <param name="lost">Told in one line that a rank has died, just before the process ends with code 1, as those of all ranks do then.</param>
    /// <exception cref="NativeRuntimeException">The library of the launcher's MPI is missing, or they do not fit together.</exception>
    public static ICollective Start(Action<string>? lost = null)
    {
        if (Launch.Detect(Environment.GetEnvironmentVariable) is not { } launch)
            return new SingleProcess();
        return new MpiCollective(launch, lost);
    }

    /// <summary>
    /// The same ranks for tensors of a device: through NCCL where each rank of a host has a GPU of its own. INVFUSION_NCCL=off keeps to the host's memory.
    /// The result shares what it is made of, which stays the caller's.
    /// </summary>
    /// <param name="ranks">From <see cref="Start"/>.</param>
    /// <param name="device">Where this rank's tensors are.</param>
    /// <exception cref="NativeRuntimeException">NCCL is missing or does not start.</exception>
    public static ICollective On(ICollective ranks, Device device)
    {
        ArgumentNullException.ThrowIfNull(ranks);
        ArgumentNullException.ThrowIfNull(device);
        var own = device.type == DeviceType.CUDA && ranks.LocalSize <= cuda.device_count(); // NCCL refuses two ranks on one GPU
        var setting = Environment.GetEnvironmentVariable(NcclVariable);
        return own && ranks.Size > 1 && setting != "off" ? new NcclCollective(ranks, device.index, setting) : ranks;
    }
}
