using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>Gives recorded draws back in order; it is how vectors of another implementation are replayed.</summary>
/// <param name="draws">The draws <c>[B, …]</c>; the source reads them and does not own them.</param>
public sealed class ReplayNoise(params IReadOnlyList<Tensor> draws) : INoiseSource
{
    private int _next;

    /// <inheritdoc/>
    public int BatchSize => (int)draws[0].shape[0];

    /// <summary>How many draws were not asked for yet.</summary>
    public int Remaining => draws.Count - _next;

    /// <inheritdoc/>
    public string NameOf(int sample) => $"sample {sample}";

    /// <inheritdoc/>
    /// <exception cref="DataFormatException">There is no draw left, or the next one has another shape.</exception>
    public Tensor Normal(params ReadOnlySpan<long> shape)
    {
        if (Remaining == 0)
            throw new DataFormatException($"the recorded noise has {draws.Count} draws and the sampler asks for one more");
        var draw = draws[_next++];
        long[] wanted = [BatchSize, .. shape];
        if (!draw.shape.AsSpan().SequenceEqual(wanted))
            throw new DataFormatException(
                $"recorded draw {_next - 1} is [{string.Join(", ", draw.shape)}] and the sampler asks for [{string.Join(", ", wanted)}]"
            );
        return draw.clone();
    }
}
