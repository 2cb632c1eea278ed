using System.Runtime.InteropServices;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Autoencoding;

/// <summary>The normal distribution of the latents of some pictures; disposing it releases both tensors.</summary>
/// <param name="Mean"><c>[B, C, h, w]</c>.</param>
/// <param name="Std">Standard deviation of each number, <c>[B, C, h, w]</c>.</param>
public sealed record LatentMoments(Tensor Mean, Tensor Std) : IDisposable
{
    /// <summary>From an encoder's output <c>[B, 2C, h, w]</c>: means, then logarithms of variances, which are cut to -30 … 20.</summary>
    public static LatentMoments FromLogVariance(Tensor moments)
    {
        using var scope = NewDisposeScope();
        var halves = moments.chunk(2, 1);
        var std = (halves[1].clamp(-30, 20) * 0.5).exp();
        return new(halves[0].clone().MoveToOuterDisposeScope(), std.MoveToOuterDisposeScope());
    }

    /// <summary>Draws one latent of each picture.</summary>
    /// <param name="streams">The random numbers of each picture: what one gives does not depend on the others.</param>
    public Tensor Sample(IReadOnlyList<RandomStream> streams)
    {
        ArgumentNullException.ThrowIfNull(streams);
        if (streams.Count != Mean.shape[0])
            throw new ArgumentException($"{streams.Count} streams for {Mean.shape[0]} pictures", nameof(streams));
        using var scope = NewDisposeScope();
        var noise = empty(Mean.shape);
        var values = MemoryMarshal.Cast<byte, float>(noise.bytes);
        var length = values.Length / streams.Count;
        for (var i = 0; i < streams.Count; i++)
            streams[i].FillNormal(values.Slice(i * length, length));
        return (Mean + Std * noise.to(Mean.device)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Mean.Dispose();
        Std.Dispose();
    }
}
