using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Models;
using static TorchSharp.torch;

namespace InvFusion.Restoration;

/// <summary>The denoiser of a restoration: the network with the measurement and the class, and guidance where it is asked for.</summary>
internal sealed class RestoreDenoiser(PreconditionedNetwork network, PreconditionedNetwork? guide, RestoreOptions options)
{
    /// <summary>Checks that class and guidance fit the networks.</summary>
    /// <exception cref="ConfigurationException">They do not; the message names the option.</exception>
    public void Check()
    {
        var (own, classes) = (network.Configuration, network.Configuration.Classes);
        if (options.Class is { } c && (c < 0 || c >= classes))
            throw new ConfigurationException(
                classes == 0
                    ? $"--class {c}: the model has no classes; leave it out"
                    : $"--class {c}: the model has classes 0 to {classes - 1}"
            );
        if (options.Guidance is not null && options.Class is null && guide is null)
            throw new ConfigurationException("--cfg: guidance needs --class, the class to guide towards, or --guide, a weaker model");
        if (guide is null)
            return;
        if (options.Guidance is null)
            throw new ConfigurationException("--guide: needs --cfg, the weight of the guidance");
        var other = guide.Configuration;
        if ((other.Channels, other.Resolution) != (own.Channels, own.Resolution))
            throw new ConfigurationException(
                $"--guide: is for {other.Channels}×{other.Resolution}×{other.Resolution} images, the model for "
                    + $"{own.Channels}×{own.Resolution}×{own.Resolution}; use a guide of the model's size"
            );
        if (other.Latents?.Fingerprint != own.Latents?.Fingerprint)
            throw new ConfigurationException(
                "--guide: works on other latents than the model, or on pictures; use a guide of the same autoencoder"
            );
    }

    /// <summary>The denoiser of a batch; what it holds belongs to the dispose scope that is open.</summary>
    /// <param name="op">H, for one image, or null.</param>
    /// <param name="y"><c>[1, 1, O]</c>, or null.</param>
    /// <param name="batch">Samples.</param>
    public IDenoiser Create(LinearOperator? op, Tensor? y, int batch) => Create(op, y, options.NoiseLevel, batch);

    /// <summary>The denoiser of a batch on the networks' <see cref="UnconditionalSide"/>; what it holds belongs to the dispose scope that is open.</summary>
    /// <param name="image">Shape of an image.</param>
    /// <param name="batch">Samples.</param>
    public IDenoiser CreateUnconditional(ImageShape image, int batch)
    {
        var none = UnconditionalSide.Problem(image, 1, network.Device);
        return Create(none.Operator, none.Measurements, none.SigmaY, batch);
    }

    private IDenoiser Create(LinearOperator? op, Tensor? y, double sigmaY, int batch)
    {
        var known = Known(network, op, y, sigmaY);
        var main = new NetworkDenoiser(network, Batch(known, batch, Labels(options.Class, batch)));
        if (options.Guidance is not { } weight)
            return main;
        if (guide is not null)
        {
            var told = guide.Configuration.Kind == NetworkKind.Unconditional ? Conditioning.None : Known(guide, op, y, sigmaY);
            return new GuidedDenoiser(main, new NetworkDenoiser(guide, Batch(told, batch, null)), weight, options.GuidanceInterval);
        }
        var labels = cat([Labels(options.Class, batch)!, Labels(network.Configuration.Classes, batch)!], 0); // the class, then none
        var together = new NetworkDenoiser(network, Batch(known, 2 * batch, labels));
        return GuidedDenoiser.InOneBatch(main, together, weight, options.GuidanceInterval);
    }

    // H⁺y is the same for all samples and branches: it is computed for one image.
    private static Conditioning Known(PreconditionedNetwork network, LinearOperator? op, Tensor? y, double sigmaY)
    {
        var one = new Conditioning(op, y) { NoiseLevel = tensor([(float)sigmaY], device: network.Device) };
        return one with { MeasuredImage = network.MeasuredImage(one) };
    }

    private static Conditioning Batch(Conditioning one, int batch, Tensor? labels) =>
        one with
        {
            Measurements = one.Measurements?.expand(batch, -1, -1),
            ClassLabels = labels,
        };

    private Tensor? Labels(int? label, int batch) =>
        label is { } c ? full([batch], c, dtype: ScalarType.Int64, device: network.Device) : null;
}
