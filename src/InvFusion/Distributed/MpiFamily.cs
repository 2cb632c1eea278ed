namespace InvFusion.Distributed;

/// <summary>The two families of MPI libraries, which differ in what a handle is.</summary>
internal enum MpiFamily
{
    /// <summary>OpenMPI: handles are addresses of exported data.</summary>
    OpenMpi,

    /// <summary>MPICH and those that share its binary interface (Intel MPI, MVAPICH): handles are numbers.</summary>
    Mpich,
}
