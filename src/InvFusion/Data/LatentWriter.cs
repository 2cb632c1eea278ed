using System.Runtime.InteropServices;
using InvFusion.Autoencoding;
using InvFusion.Degradations;
using static TorchSharp.torch;

namespace InvFusion.Data;

/// <summary>Turns the pixels of a set into moments of latents, one picture at a time, and sums up what they are like.</summary>
internal sealed class LatentWriter
{
    private readonly LatentOptions _options;
    private readonly ImageShape _picture;
    private readonly double[] _sums;
    private readonly double[] _squares;
    private readonly (double[] Mean, double[] Std)? _fixed;
    private long _count; // numbers of a channel

    /// <summary>Checks that the pictures suit the autoencoder.</summary>
    /// <exception cref="ConfigurationException">They do not.</exception>
    public LatentWriter(LatentOptions options, int channels, int size)
    {
        var c = options.Autoencoder.Configuration;
        if (channels != c.Channels)
            throw new ConfigurationException($"{options.Name}: encodes pictures of {c.Channels} channels, these have {channels}");
        if (size % c.Factor != 0)
            throw new ConfigurationException(
                $"size {size}: must be a multiple of {c.Factor}, the pixels that {options.Name} makes one number of"
            );
        if (options.Scale == LatentScale.Edm2)
            _fixed = LatentDescription.Edm2(c.LatentChannels);
        (_options, _picture) = (options, new(channels, size, size));
        (_sums, _squares) = (new double[c.LatentChannels], new double[c.LatentChannels]);
    }

    /// <summary>Means and standard deviations <c>[2C, h, w]</c> of one picture, as bytes.</summary>
    public byte[] Encode(ReadOnlyMemory<byte> pixels)
    {
        using var scope = NewDisposeScope();
        using var picture = Pictures.ToTensor(pixels.ToArray(), _picture, _options.Autoencoder.Device);
        using var moments = LatentCodec.Moments(_options.Autoencoder, picture);
        var both = cat([moments.Mean, moments.Std], 1).cpu().contiguous();
        Measure(MemoryMarshal.Cast<byte, float>(both.bytes));
        return both.bytes.ToArray();
    }

    /// <summary>What the latents are, after all pictures.</summary>
    /// <exception cref="DataFormatException">A channel is always the same, so it has no scale.</exception>
    public LatentDescription Describe()
    {
        var (mean, std) = _fixed ?? Measured();
        var result = new LatentDescription
        {
            Autoencoder = _options.Name,
            Fingerprint = _options.Autoencoder.Fingerprint(),
            Mean = mean,
            Std = std,
        };
        return result.IsValid
            ? result
            : throw new DataFormatException(
                $"{_options.Name}: its latents of these pictures are constant or not finite; use another autoencoder"
            );
    }

    // A latent is mean + std·n: the square of it is mean² + std² on average.
    private void Measure(ReadOnlySpan<float> moments)
    {
        var (half, area) = (moments.Length / 2, moments.Length / 2 / _sums.Length);
        for (var i = 0; i < half; i++)
        {
            double mean = moments[i],
                std = moments[half + i];
            _sums[i / area] += mean;
            _squares[i / area] += mean * mean + std * std;
        }
        _count += area;
    }

    private (double[] Mean, double[] Std) Measured()
    {
        double[] mean = [.. _sums.Select(s => s / _count)];
        return (mean, [.. _squares.Select((s, c) => Math.Sqrt(Math.Max(0, s / _count - mean[c] * mean[c])))]);
    }
}
