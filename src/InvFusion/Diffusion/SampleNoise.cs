using System.Runtime.InteropServices;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>Noise from one random stream per sample, so that the random numbers of a sample never depend on the batch it travels in.</summary>
public sealed class SampleNoise : INoiseSource
{
    // Keeps these streams apart from others (degradations, measurement noise) that start from the same seed.
    private const ulong Purpose = 0x53414D504C455231;

    private readonly ulong[] _seeds;
    private readonly RandomStream[] _streams;
    private readonly Device _device;

    /// <summary>Creates the streams.</summary>
    /// <param name="seeds">One seed per sample.</param>
    /// <param name="device">Where the draws are put; the CPU by default. The numbers are the same on every device.</param>
    public SampleNoise(IEnumerable<ulong> seeds, Device? device = null)
    {
        _seeds = [.. seeds];
        _streams = [.. _seeds.Select(seed => new RandomStream(seed, Purpose))];
        _device = device ?? CPU;
    }

    /// <inheritdoc/>
    public int BatchSize => _seeds.Length;

    /// <inheritdoc/>
    public string NameOf(int sample) => $"{What} {First + sample} (seed {_seeds[sample]})";

    /// <summary>Number of the first sample in messages: batches of one job count on.</summary>
    public int First { get; init; }

    /// <summary>What messages call a sample.</summary>
    public string What { get; init; } = "sample";

    /// <inheritdoc/>
    public Tensor Normal(params ReadOnlySpan<long> shape)
    {
        using var scope = NewDisposeScope();
        var draw = empty([BatchSize, .. shape]);
        var values = MemoryMarshal.Cast<byte, float>(draw.bytes);
        var length = values.Length / Math.Max(BatchSize, 1);
        for (var i = 0; i < BatchSize; i++)
            _streams[i].FillNormal(values.Slice(i * length, length));
        return draw.to(_device).MoveToOuterDisposeScope();
    }
}
