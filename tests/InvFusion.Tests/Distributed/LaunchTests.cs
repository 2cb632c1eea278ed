using InvFusion.Distributed;
using Xunit;

namespace InvFusion.Tests.Distributed;

public class LaunchTests
{
    [Theory]
    [InlineData("OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_RANK=1 PMIX_RANK=1", "OpenMpi", 4, "mpirun of OpenMPI")]
    [InlineData("PMI_RANK=1 PMI_SIZE=4 PMI_FD=6", "Mpich", 4, "mpirun of MPICH")]
    [InlineData("SLURM_PROCID=1 SLURM_STEP_NUM_TASKS=4 SLURM_NTASKS=4 PMIX_RANK=1", "OpenMpi", 4, "srun --mpi=pmix")]
    [InlineData("SLURM_PROCID=1 SLURM_STEP_NUM_TASKS=4 PMI_RANK=1 PMI_SIZE=4", "Mpich", 4, "srun --mpi=pmi2")]
    [InlineData("PMIX_RANK=1", "OpenMpi", 0, "a PMIx launcher")]
    // mpirun inside a job of Slurm: the step there is the launcher's own, with one task a host.
    [InlineData("OMPI_COMM_WORLD_SIZE=8 PMIX_RANK=3 SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=2", "OpenMpi", 8, "mpirun of OpenMPI")]
    public void The_environment_names_launcher_family_and_size(string variables, string family, int size, string launcher)
    {
        var launch = Launch.Detect(Environment(variables));
        Assert.Equal((family, size, launcher), (launch?.Family.ToString(), launch?.Size, launch?.Launcher));
    }

    [Theory]
    [InlineData("")]
    [InlineData("SLURM_PROCID=0 SLURM_NTASKS=4 SLURM_JOB_ID=7")] // a batch script, not a step
    [InlineData("SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=1")]
    [InlineData("OMPI_COMM_WORLD_SIZE=1 PMIX_RANK=0")]
    [InlineData("OMPI_COMM_WORLD_SIZE=4 INVFUSION_MPI=none")]
    public void One_process_needs_no_MPI(string variables) => Assert.Null(Launch.Detect(Environment(variables)));

    [Fact]
    public void Several_tasks_without_an_interface_are_refused()
    {
        var error = Assert.Throws<NativeRuntimeException>(() => Launch.Detect(Environment("SLURM_PROCID=2 SLURM_STEP_NUM_TASKS=4")));
        Assert.Contains("--mpi=pmix", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("openmpi", "libmpi.so.40")]
    [InlineData("mpich", "libmpich.so.12")]
    [InlineData("/opt/mpi/lib/libmpi.so", "/opt/mpi/lib/libmpi.so")]
    public void The_override_chooses_the_library(string chosen, string library)
    {
        var launch = Launch.Detect(Environment($"PMI_RANK=0 PMI_SIZE=2 {Launch.Override}={chosen}"));
        Assert.Equal(library, launch!.Libraries[0]);
    }

    [Fact]
    public void A_missing_library_is_named_with_the_way_out()
    {
        var launch = new Launch("mpirun of OpenMPI", MpiFamily.OpenMpi, 2, "/nowhere/libmpi.so");
        var error = Assert.Throws<NativeRuntimeException>(() => MpiLibrary.Load(launch));
        Assert.Contains("/nowhere/libmpi.so", error.Message, StringComparison.Ordinal);
        Assert.Contains(Launch.Override, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_library_than_MPI_is_refused()
    {
        var launch = new Launch("mpirun of OpenMPI", MpiFamily.OpenMpi, 2, "libc.so.6");
        var error = Assert.Throws<NativeRuntimeException>(() => MpiLibrary.Load(launch));
        Assert.Contains("libc.so.6: is no MPI library", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_NCCL_is_named_with_the_way_out()
    {
        var error = Assert.Throws<NativeRuntimeException>(() => NcclLibrary.Load("/nowhere/libnccl.so.2"));
        Assert.Contains("/nowhere/libnccl.so.2", error.Message, StringComparison.Ordinal);
        Assert.Contains("INVFUSION_NCCL=off", error.Message, StringComparison.Ordinal);
    }

    private static Func<string, string?> Environment(string variables)
    {
        var table = variables
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(v => v.Split('=', 2))
            .ToDictionary(p => p[0], p => p[1]);
        return name => table.GetValueOrDefault(name);
    }
}
