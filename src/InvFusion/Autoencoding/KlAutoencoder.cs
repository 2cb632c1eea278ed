using System.Security.Cryptography;
using System.Text;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Autoencoding;

/// <summary>
/// The autoencoder of latent diffusion with a Kullback-Leibler penalty (Rombach et al. 2022, appendix E and G; the structure of Stable Diffusion's): convolutions
/// with one attention in the middle, and latents that are normal distributions. Parameters have the names of diffusers' AutoencoderKL of 2022.
/// </summary>
public sealed class KlAutoencoder : nn.Module
{
    [ComponentName(Name = "encoder")]
    private readonly LatentEncoder _encoder;

    [ComponentName(Name = "decoder")]
    private readonly LatentDecoder _decoder;

    [ComponentName(Name = "quant_conv")]
    private readonly Convolution _quantConv;

    [ComponentName(Name = "post_quant_conv")]
    private readonly Convolution _postQuantConv;

    /// <summary>Builds the network.</summary>
    /// <exception cref="ConfigurationException">The configuration is out of range.</exception>
    public KlAutoencoder(AutoencoderConfiguration configuration)
        : base(nameof(KlAutoencoder))
    {
        configuration.Validate();
        Configuration = configuration;
        _encoder = new(configuration);
        _decoder = new(configuration);
        _quantConv = new(2 * configuration.LatentChannels, 2 * configuration.LatentChannels, kernel: 1);
        _postQuantConv = new(configuration.LatentChannels, configuration.LatentChannels, kernel: 1);
        RegisterComponents();
    }

    /// <summary>The shape of the network.</summary>
    public AutoencoderConfiguration Configuration { get; }

    /// <summary>Where the weights are.</summary>
    public Device Device => parameters().First().device;

    /// <summary>The distribution of the latents of pictures <c>[B, C, H, W]</c>, whose sides must be multiples of the factor.</summary>
    /// <exception cref="ArgumentException">The pictures have another shape.</exception>
    public LatentMoments Encode(Tensor pictures)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        var (c, shape) = (Configuration, pictures.shape);
        if (shape.Length != 4 || shape[1] != c.Channels || shape[2] % c.Factor != 0 || shape[3] % c.Factor != 0)
            throw new ArgumentException(
                $"[{string.Join(", ", shape)}] are not pictures [B, {c.Channels}, H, W] of sides that are multiples of {c.Factor}",
                nameof(pictures)
            );
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var moments = LatentMoments.FromLogVariance(_quantConv.call(_encoder.call(pictures)));
        return new(moments.Mean.MoveToOuterDisposeScope(), moments.Std.MoveToOuterDisposeScope());
    }

    /// <summary>The pictures <c>[B, C, f·h, f·w]</c> of latents <c>[B, latent, h, w]</c>; nothing is cut.</summary>
    /// <exception cref="ArgumentException">The latents have another shape.</exception>
    public Tensor Decode(Tensor latents)
    {
        ArgumentNullException.ThrowIfNull(latents);
        if (latents.shape is not [_, var channels, _, _] || channels != Configuration.LatentChannels)
            throw new ArgumentException(
                $"[{string.Join(", ", latents.shape)}] are not latents [B, {Configuration.LatentChannels}, h, w]",
                nameof(latents)
            );
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        return _decoder.call(_postQuantConv.call(latents)).MoveToOuterDisposeScope();
    }

    /// <summary>SHA-256 of names and weights, in hexadecimal: the same under whatever names a file has them.</summary>
    public string Fingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, weights) in state_dict().OrderBy(s => s.Key, StringComparer.Ordinal))
        {
            using var scope = NewDisposeScope();
            hash.AppendData(Encoding.UTF8.GetBytes(name));
            hash.AppendData(weights.detach().cpu().contiguous().bytes);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
