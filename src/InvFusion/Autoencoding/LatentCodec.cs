using InvFusion.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace InvFusion.Autoencoding;

/// <summary>Between pictures in [-1, 1] and the latents that a network works on. Owns the autoencoder.</summary>
/// <remarks>
/// The autoencoder is given pictures in [0, 1] and its output is cut to that, as EDM2 does, whose numbers of the raw latents are of such pictures. Stable Diffusion itself
/// uses [-1, 1]. Where EDM2 then drops the fraction of a grey level, pictures are rounded here.
/// </remarks>
public sealed class LatentCodec : IDisposable
{
    private readonly KlAutoencoder _autoencoder;
    private readonly Tensor _mean;
    private readonly Tensor _scale;

    private LatentCodec(KlAutoencoder autoencoder, LatentDescription description)
    {
        using var scope = NewDisposeScope();
        _autoencoder = autoencoder;
        var device = autoencoder.Device;
        _mean = PerChannel(description.Mean);
        _scale = PerChannel([.. description.Std.Select(s => LatentDescription.FinalStd / s)]);

        Tensor PerChannel(double[] values) => tensor(values, float32, device).view(1, -1, 1, 1).DetachFromDisposeScope();
    }

    /// <summary>Channels of a picture.</summary>
    public int Channels => _autoencoder.Configuration.Channels;

    /// <summary>Pixels along a side for one number of a latent.</summary>
    public int Factor => _autoencoder.Configuration.Factor;

    /// <summary>Loads the autoencoder that some latents are of.</summary>
    /// <param name="path">Its file.</param>
    /// <param name="description">The latents.</param>
    /// <param name="device">Where to compute; the CPU when null.</param>
    /// <exception cref="DataFormatException">The file is no autoencoder, or another one than the latents are of.</exception>
    public static LatentCodec Open(string path, LatentDescription description, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(description);
        var autoencoder = AutoencoderFile.Load(path);
        try
        {
            if (autoencoder.Fingerprint() != description.Fingerprint)
                throw new DataFormatException(
                    $"{path}: is another autoencoder than the latents are of; give the weights of '{description.Autoencoder}' (fingerprint {description.Fingerprint[..12]}…)"
                );
            autoencoder.to(device ?? CPU);
            return new(autoencoder, description);
        }
        catch
        {
            autoencoder.Dispose();
            throw;
        }
    }

    /// <summary>The raw moments of pictures <c>[B, C, H, W]</c> in [-1, 1].</summary>
    public static LatentMoments Moments(KlAutoencoder autoencoder, Tensor pictures)
    {
        ArgumentNullException.ThrowIfNull(autoencoder);
        using var unit = (pictures + 1) / 2;
        return autoencoder.Encode(unit);
    }

    /// <summary>Draws latents <c>[B, c, h, w]</c> of pictures <c>[B, C, H, W]</c> in [-1, 1].</summary>
    /// <param name="pictures">The pictures.</param>
    /// <param name="streams">The random numbers of each.</param>
    public Tensor Encode(Tensor pictures, IReadOnlyList<RandomStream> streams)
    {
        using var scope = NewDisposeScope();
        var moments = Moments(_autoencoder, pictures);
        return ((moments.Sample(streams) - _mean) * _scale).MoveToOuterDisposeScope();
    }

    /// <summary>The pictures <c>[B, C, H, W]</c> in [-1, 1] of latents <c>[B, c, h, w]</c>, one at a time: a picture does not depend on the others.</summary>
    public Tensor Decode(Tensor latents)
    {
        ArgumentNullException.ThrowIfNull(latents);
        using var scope = NewDisposeScope();
        var raw = latents / _scale + _mean;
        var pictures = raw.split(1, 0).Select(one => _autoencoder.Decode(one).clamp_(0, 1) * 2 - 1);
        return cat(pictures.ToArray(), 0).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _mean.Dispose();
        _scale.Dispose();
        _autoencoder.Dispose();
    }
}
