using InvFusion.Autoencoding;
using InvFusion.Degradations;
using InvFusion.Imaging;
using InvFusion.Models;
using InvFusion.Restoration;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Cli.Rendering;

/// <summary>
/// Reads inputs of a restoration, one at a time, and keeps the operator as long as their size stays the same. Without a network an image is as large as its picture
/// says.
/// </summary>
internal sealed class RestoreInputs(
    DegradationSpec degradation,
    RestoreOptions settings,
    bool simulate,
    NetworkConfiguration? network,
    Device device,
    LatentCodec? codec,
    Reporter reporter
) : IDisposable
{
    // Keeps the draw of a latent apart from other random numbers of the same seed.
    private const ulong LatentPurpose = 0x6C6174656E74; // "latent"

    private const int MostReduction = 16;

    // The residual of a photograph that agrees with a border is about σ_y; of one that does not it is many times that.
    private const double Agreement = 1.5;

    private readonly Dictionary<BlurBorder, LinearOperator> _framed = []; // by what is taken to lie outside a photograph's frame

    private LinearOperator? _operator;

    /// <summary>Reads one file. Its operator lives until the next one is read.</summary>
    public RestoreInput Read(string file)
    {
        var (op, measurement) =
            !simulate && Path.GetExtension(file).Equals(".npy", StringComparison.OrdinalIgnoreCase) ? Numbers(file) : Picture(file);
        return new(file, op, measurement);
    }

    /// <summary>Says where no image explains what was measured.</summary>
    public void WarnOfMisfit(RestoreInput input)
    {
        if (simulate || codec is not null)
            return;
        var (file, op, measurement) = input;
        var misfit = MeasurementMisfit.Of(op, measurement.Values, settings.SigmaY);
        var noise = (settings with { RoundedMeasurement = measurement.Rounded }).NoiseLevel;
        if (MeasurementMisfit.Warning(file, misfit, degradation.Text, noise) is { } warning)
            reporter.Line($"warning: {warning}");
    }

    public void Dispose() => Forget();

    private (LinearOperator, Measurement) Numbers(string file)
    {
        if (settings.TileOverlap is not null)
            throw new ConfigurationException($"{file}: --tiles needs a picture, numbers do not say how large the image is; give a picture");
        if (network is null)
            throw new ConfigurationException($"{file}: numbers do not say how large the image is; name a model of that size with --model");
        var op = Operator(ModelShape);
        return (op, Measurement.FromNumbers(file, op, device));
    }

    private (LinearOperator, Measurement) Picture(string file)
    {
        var picture = InputImage.Decode(file);
        var op = Operator(
            network is null ? FreeShape(file, picture)
            : settings.TileOverlap is null ? ModelShape
            : TiledShape(picture)
        );
        if (codec is not null)
            return (op, Latent(codec, picture, file, op));
        if (simulate)
        {
            var truth = InputImage.ToTensor(picture, file, op.Image, reporter, device);
            return (op, Measurement.Simulate(op, truth, settings.SigmaY, settings.Seed));
        }
        if (op.ViewShape is not { } shape)
            throw new ConfigurationException(
                $"{file}: this degradation measures numbers, not an image; give its measurement as .npy, or --simulate to degrade a clean image"
            );
        if (degradation.OwnPixels && (picture.Width, picture.Height) != (shape.Width, shape.Height))
            throw new ConfigurationException(
                $"{file}: is {picture.Width}×{picture.Height} pixels and would be resized to {shape.Width}×{shape.Height} for this model, but '{degradation.Text}' is in the picture's own pixels; crop the picture to {shape.Width}×{shape.Height}"
                    + (degradation.WindowStep is null ? "" : " or restore it whole with --tiles")
            );
        using var image = InputImage.ToTensor(picture, file, shape, reporter, device);
        using var group = image.unsqueeze(1); // [1, 1, c, h, w]
        return degradation.OpenBorder ? Photograph(file, op, group) : (op, Rounded(op, group));
    }

    private Measurement Rounded(LinearOperator op, Tensor picture) => new(op.FromView(picture, settings.SigmaY), null, Rounded: true);

    // Of a photograph nothing is known beyond its frame, unless it agrees with the zeros of simulated ones.
    private (LinearOperator, Measurement) Photograph(string file, LinearOperator zeros, Tensor picture)
    {
        var framed = Operator(zeros.Image, BlurBorder.Zero);
        using (var measured = Rounded(framed, picture))
            if (MeasurementMisfit.Of(framed, measured.Values, settings.SigmaY) < Agreement)
            {
                reporter.Line($"{file}: agrees with zeros (grey) beyond its frame, so border=zero is taken");
                return (zeros, Rounded(zeros, picture));
            }
        var op = Operator(zeros.Image, BlurBorder.Valid);
        return (op, Rounded(op, picture));
    }

    // H acts on the latent; what is restored is compared with the picture.
    private Measurement Latent(LatentCodec codec, RgbImage picture, string file, LinearOperator op)
    {
        if (!simulate)
            throw new ConfigurationException(
                $"{file}: is a picture, and the model measures latents; give a clean picture with --simulate, or the numbers of a measured latent as .npy"
            );
        var shape = new ImageShape(codec.Channels, op.Image.Height * codec.Factor, op.Image.Width * codec.Factor);
        var truth = InputImage.ToTensor(picture, file, shape, reporter, device);
        using var latent = codec.Encode(truth, [new RandomStream(settings.Seed, LatentPurpose)]);
        return Measurement.Simulate(op, latent, settings.SigmaY, settings.Seed) with { Truth = truth };
    }

    private LinearOperator Operator(ImageShape shape, BlurBorder? border = null)
    {
        if ((border is { } b ? _framed.GetValueOrDefault(b) : _operator) is { } kept && kept.Image == shape)
            return kept;
        if (_operator is { } last && last.Image != shape)
            Forget();
        if (border is not { } outside)
            return _operator = degradation.Build(shape, 1, settings.Seed, device);
        return _framed[outside] = degradation.ForPhotograph(outside).Build(shape, 1, settings.Seed, device);
    }

    private void Forget()
    {
        _operator?.Dispose();
        _operator = null;
        foreach (var op in _framed.Values)
            op.Dispose();
        _framed.Clear();
    }

    private ImageShape ModelShape => new(network!.Channels, network.Resolution, network.Resolution);

    // That of a clean picture, or the smallest of which the degradation makes a picture of this size.
    private ImageShape FreeShape(string file, RgbImage picture)
    {
        var own = new ImageShape(3, picture.Height, picture.Width);
        if (simulate)
            return own;
        for (var factor = 1; factor <= MostReduction; factor++)
        {
            var shape = own with { Height = factor * own.Height, Width = factor * own.Width };
            if (MeasuresPicture(shape, own))
                return shape;
        }
        throw new ConfigurationException(
            $"{file}: '{degradation.Text}' makes a picture of {own.Width}×{own.Height} of no image, up to {MostReduction} times as large; --simulate degrades a clean image"
        );
    }

    // Whatever measures no picture takes none: that is said where it is read.
    private bool MeasuresPicture(ImageShape shape, ImageShape picture)
    {
        try
        {
            using var op = degradation.Build(shape, 1, settings.Seed, device);
            return op.ViewShape is not { } view || (view.Height, view.Width) == (picture.Height, picture.Width);
        }
        catch (ConfigurationException)
        {
            return false; // for example a stride that does not divide this size
        }
    }

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
