using System.Globalization;

namespace InvFusion.Distributed;

/// <summary>What the launcher of this process says in its environment.</summary>
/// <param name="Launcher">Its name, for messages.</param>
/// <param name="Family">The MPI that it serves.</param>
/// <param name="Size">How many processes it has started; 0 where it does not say.</param>
/// <param name="Library">The library to load; null for the family's own.</param>
internal sealed record Launch(string Launcher, MpiFamily Family, int Size, string? Library = null)
{
    /// <summary>openmpi, mpich, the file of a library, or none: overrides what the launcher's variables say.</summary>
    public const string Override = "INVFUSION_MPI";

    /// <summary>Reads the environment; null for a process on its own.</summary>
    /// <param name="environment">The value of a variable, or null.</param>
    /// <exception cref="NativeRuntimeException">Slurm has started several processes that cannot find each other.</exception>
    public static Launch? Detect(Func<string, string?> environment)
    {
        int Number(string name) => int.TryParse(environment(name), NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : 0;
        bool Has(string name) => !string.IsNullOrEmpty(environment(name));

        var chosen = environment(Override);
        if (chosen == "none")
            return null;
        // A batch script has SLURM_PROCID and SLURM_NTASKS too; only a step has its own number of tasks.
        var tasks = Has("SLURM_PROCID") ? Number("SLURM_STEP_NUM_TASKS") : 0;
        Launch? found =
            Has("OMPI_COMM_WORLD_SIZE") ? new("mpirun of OpenMPI", MpiFamily.OpenMpi, Number("OMPI_COMM_WORLD_SIZE"))
            : Has("PMI_RANK") && tasks > 0 ? new("srun --mpi=pmi2", MpiFamily.Mpich, Has("PMI_SIZE") ? Number("PMI_SIZE") : tasks)
            : Has("PMI_RANK") ? new("mpirun of MPICH", MpiFamily.Mpich, Number("PMI_SIZE"))
            : Has("PMIX_RANK") ? new(tasks > 0 ? "srun --mpi=pmix" : "a PMIx launcher", MpiFamily.OpenMpi, tasks)
            : null;
        if (found is null && tasks > 1)
            throw new NativeRuntimeException(
                $"srun has started {tasks} processes without an MPI interface: add --mpi=pmix (OpenMPI) or --mpi=pmi2 (MPICH), or -n 1"
            );
        if (found is null || found.Size == 1)
            return null;
        return chosen switch
        {
            null or "" => found,
            "openmpi" => found with { Family = MpiFamily.OpenMpi },
            "mpich" => found with { Family = MpiFamily.Mpich },
            _ => found with { Library = chosen },
        };
    }

    /// <summary>The names of the library, in the order in which they are tried.</summary>
    public string[] Libraries =>
        Library is not null ? [Library]
        : Family == MpiFamily.OpenMpi ? ["libmpi.so.40"]
        : ["libmpich.so.12", "libmpi.so.12"];
}
