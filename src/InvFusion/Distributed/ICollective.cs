using static TorchSharp.torch;

namespace InvFusion.Distributed;

/// <summary>The processes ("ranks") that work on one job together. Every rank makes the same calls in the same order.</summary>
/// <remarks>One thread at a time calls; <see cref="Abort"/> alone may be called beside others.</remarks>
public interface ICollective : IDisposable
{
    /// <summary>Number of this process, from 0.</summary>
    int Rank { get; }

    /// <summary>How many there are.</summary>
    int Size { get; }

    /// <summary>Number of this process among those of its host, from 0.</summary>
    int LocalRank { get; }

    /// <summary>How many of them are on this host.</summary>
    int LocalSize { get; }

    /// <summary>What of the host's processors is this rank's.</summary>
    ProcessorShare Processors { get; }

    /// <summary>Replaces the values by their sums over all ranks; every rank gets the same bits.</summary>
    /// <param name="values">Contiguous; float32, float64 or int64.</param>
    /// <exception cref="NativeRuntimeException">The exchange failed, as a rule because a rank is gone.</exception>
    void Sum(Tensor values);

    /// <summary>Replaces the values by those of rank 0.</summary>
    /// <param name="values">Contiguous; of the same shape and type on every rank.</param>
    /// <exception cref="NativeRuntimeException">The exchange failed.</exception>
    void Broadcast(Tensor values);

    /// <summary>Replaces each number by its sum or its largest value over all ranks.</summary>
    /// <exception cref="NativeRuntimeException">The exchange failed.</exception>
    void Reduce(Span<double> values, Reduction reduction);

    /// <summary>Replaces the bytes by those of rank 0; as many on every rank.</summary>
    /// <exception cref="NativeRuntimeException">The exchange failed.</exception>
    void Broadcast(Span<byte> bytes);

    /// <summary>Returns when every rank has called it.</summary>
    void Barrier();

    /// <summary>Ends the processes of all ranks, this one too, with an exit code that is not 0; does not return where there are several.</summary>
    void Abort(int code);
}
