using static TorchSharp.torch;

namespace InvFusion.Distributed;

/// <summary>One process alone: nothing to exchange, and no native library is touched.</summary>
public sealed class SingleProcess : ICollective
{
    /// <inheritdoc/>
    public int Rank => 0;

    /// <inheritdoc/>
    public int Size => 1;

    /// <inheritdoc/>
    public int LocalRank => 0;

    /// <inheritdoc/>
    public int LocalSize => 1;

    /// <inheritdoc/>
    public ProcessorShare Processors => new(Environment.ProcessorCount, Environment.ProcessorCount);

    /// <inheritdoc/>
    public void Sum(Tensor values) { }

    /// <inheritdoc/>
    public void Broadcast(Tensor values) { }

    /// <inheritdoc/>
    public void Reduce(Span<double> values, Reduction reduction) { }

    /// <inheritdoc/>
    public void Broadcast(Span<byte> bytes) { }

    /// <inheritdoc/>
    public void Barrier() { }

    /// <summary>Does nothing: the caller's own error ends the process.</summary>
    public void Abort(int code) { }

    /// <inheritdoc/>
    public void Dispose() { }
}
