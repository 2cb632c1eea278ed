using InvFusion.Autoencoding;
using InvFusion.Degradations;
using InvFusion.Imaging;
using InvFusion.Models;
using InvFusion.Restoration;
using InvFusion.Runtime;

namespace InvFusion.Cli.Rendering;

/// <summary>Reads inputs of a restoration on the network's device, one at a time, and keeps the operator as long as their size stays the same.</summary>
internal sealed class RestoreInputs(
    DegradationSpec degradation,
    RestoreOptions settings,
    bool simulate,
    PreconditionedNetwork network,
    LatentCodec? codec,
    Reporter reporter
) : IDisposable
{
    // Keeps the draw of a latent apart from other random numbers of the same seed.
    private const ulong LatentPurpose = 0x6C6174656E74; // "latent"

    private LinearOperator? _operator;

    /// <summary>Reads one file. Its operator lives until the next one is read.</summary>
    public RestoreInput Read(string file)
    {
        var (op, measurement) =
            !simulate && Path.GetExtension(file).Equals(".npy", StringComparison.OrdinalIgnoreCase) ? Numbers(file) : Picture(file);
        return new(file, op, measurement);
    }

    public void Dispose() => _operator?.Dispose();

    private (LinearOperator, Measurement) Numbers(string file)
    {
        if (settings.TileOverlap is not null)
            throw new ConfigurationException($"{file}: --tiles needs a picture, numbers do not say how large the image is; give a picture");
        var op = Operator(ModelShape);
        return (op, Measurement.FromNumbers(file, op, network.Device));
    }

    private (LinearOperator, Measurement) Picture(string file)
    {
        var picture = InputImage.Decode(file);
        var op = Operator(settings.TileOverlap is null ? ModelShape : TiledShape(picture));
        if (codec is not null)
            return (op, Latent(codec, picture, file, op));
        if (simulate)
        {
            var truth = InputImage.ToTensor(picture, file, op.Image, reporter, network.Device);
            return (op, Measurement.Simulate(op, truth, settings.SigmaY, settings.Seed));
        }
        if (op.ViewShape is not { } shape)
            throw new ConfigurationException(
                $"{file}: this degradation measures numbers, not an image; give its measurement as .npy, or --simulate to degrade a clean image"
            );
        using var image = InputImage.ToTensor(picture, file, shape, reporter, network.Device);
        using var group = image.unsqueeze(1); // [1, 1, c, h, w]
        return (op, new(op.FromView(group, settings.SigmaY), null, Rounded: true));
    }

    // H acts on the latent; what is restored is compared with the picture.
    private Measurement Latent(LatentCodec codec, RgbImage picture, string file, LinearOperator op)
    {
        if (!simulate)
            throw new ConfigurationException(
                $"{file}: is a picture, and the model measures latents; give a clean picture with --simulate, or the numbers of a measured latent as .npy"
            );
        var shape = new ImageShape(codec.Channels, op.Image.Height * codec.Factor, op.Image.Width * codec.Factor);
        var truth = InputImage.ToTensor(picture, file, shape, reporter, network.Device);
        using var latent = codec.Encode(truth, [new RandomStream(settings.Seed, LatentPurpose)]);
        return Measurement.Simulate(op, latent, settings.SigmaY, settings.Seed) with { Truth = truth };
    }

    private LinearOperator Operator(ImageShape shape)
    {
        if (_operator?.Image == shape)
            return _operator;
        _operator?.Dispose();
        _operator = null; // should the next line fail
        return _operator = degradation.Build(shape, 1, settings.Seed, network.Device);
    }

    private ImageShape ModelShape =>
        new(network.Configuration.Channels, network.Configuration.Resolution, network.Configuration.Resolution);

    // The size of the image that the picture shows or was measured from; at least a tile, and in whole blocks of the degradation.
    private ImageShape TiledShape(RgbImage picture)
    {
        var step =
            degradation.WindowStep
            ?? throw new ConfigurationException(
                $"--tiles: '{degradation.Text}' is not local (what it measures in a tile depends on the rest of the picture); "
                    + "use box, missing-box, mask, patches, pixels, rows, gray, none or sr:FACTOR,method=box, or leave --tiles out"
            );
        int Side(int length) => Math.Max(ModelShape.Width, simulate ? length / step * step : length * step);
        return ModelShape with { Height = Side(picture.Height), Width = Side(picture.Width) };
    }
}

/// <summary>One input of a restoration. Owns its measurement, and not the operator.</summary>
internal sealed record RestoreInput(string File, LinearOperator Operator, Measurement Measurement) : IDisposable
{
    public void Dispose() => Measurement.Dispose();
}
