using System.CommandLine;
using InvFusion.Cli.Rendering;
using InvFusion.Degradations;
using InvFusion.Formats;
using InvFusion.Formats.Numpy;
using InvFusion.Imaging;
using static TorchSharp.torch;

namespace InvFusion.Cli.Commands;

/// <summary><c>degrade</c>: applies a degradation and shows it.</summary>
internal static class DegradeCommand
{
    public static Command Create()
    {
        var options = new SharedOptions();
        var input = new Argument<string>("input") { Description = "A clean image" };
        var size = new Option<int?>("--size")
        {
            Description = "Resize and centre-crop to this many pixels a side; otherwise the image's own size",
        };
        var command = new Command("degrade", "Applies a degradation: writes y (.npy), H⁺y and a picture of the operator")
        {
            input,
            size,
            options.Degradation,
            options.Noise,
            options.Seed,
            options.Threads,
            options.Out,
        };
        options.AddOutput(command);
        command.SetAction(parsed =>
        {
            var reporter = new Reporter(parsed.GetValue(options.Quiet));
            var file = parsed.GetValue(input)!;
            InputImage.RequireFile(file);
            options.StartTorch(parsed);
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            var shape = Shape(file, parsed.GetValue(size));
            var (seed, sigma) = (parsed.GetValue(options.Seed), parsed.GetValue(options.Noise));
            if (!(sigma >= 0))
                throw new ConfigurationException($"--noise {sigma}: must be 0 or more, in units of images in [-1, 1]");
            using var op = DegradationSpec.Parse(parsed.GetValue(options.Degradation)!).Build(shape, 1, seed);
            using var measurement = Measurement.Simulate(op, InputImage.Load(file, shape, reporter), sigma, seed);
            Write(parsed.GetValue(options.Out)!, op, measurement, reporter);
        });
        return command;
    }

    private static ImageShape Shape(string file, int? size)
    {
        if (size is < 1 or > 8192)
            throw new ConfigurationException($"--size {size}: must be 1 to 8192 pixels");
        if (size is { } side)
            return new(3, side, side);
        var picture = ImageDecoder.Load(file);
        return new(3, picture.Height, picture.Width);
    }

    private static void Write(string folder, LinearOperator op, Measurement measurement, Reporter reporter)
    {
        using var values = measurement.Values.contiguous();
        Npy.Write(Path.Combine(folder, "y.npy"), new NpyArray(ElementType.F32, [op.MeasurementLength], values.bytes.ToArray()));
        ImageEncoder.Save(Pictures.FromTensor(op.Exact.PseudoInverse(measurement.Values)[0, 0]), Path.Combine(folder, "pinv.png"));
        if (op.View(measurement.Values) is { } view && view.shape[2] is 1 or 3)
            ImageEncoder.Save(Pictures.FromTensor(view[0, 0]), Path.Combine(folder, "measurement.png"));
        if (op.Picture() is { } picture)
            ImageEncoder.Save(Pictures.FromTensor(picture[0] * 2 - 1), Path.Combine(folder, "operator.png"));
        reporter.Line($"{folder}: y.npy with {op.MeasurementLength} numbers, pinv.png");
    }
}
