using System.CommandLine;
using System.Text.Json.Nodes;
using InvFusion.Cli.Rendering;
using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Formats;
using InvFusion.Formats.IO;
using InvFusion.Formats.Numpy;
using InvFusion.Imaging;
using static TorchSharp.torch;

namespace InvFusion.Cli.Commands;

/// <summary><c>degrade</c>: applies a degradation and shows it.</summary>
internal static class DegradeCommand
{
    private const string Record = "degrade.json";

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
            options.Seed,
            options.Threads,
            options.Out,
        };
        options.AddDegradation(command);
        options.AddOutput(command);
        command.Add(options.Json);
        command.SetWork(
            (parsed, cancellation) =>
            {
                var reporter = new Reporter(parsed.GetValue(options.Quiet));
                var file = parsed.GetValue(input)!;
                InputImage.RequireFile(file);
                OutputFolder.RequireName(parsed.GetValue(options.Out)!);
                options.StartTorch(parsed);
                using var scope = NewDisposeScope();
                using var noGrad = no_grad();
                var shape = Shape(file, parsed.GetValue(size));
                var (seed, sigma) = (parsed.GetValue(options.Seed), parsed.GetValue(options.Noise));
                if (!(sigma >= 0 && sigma < 100))
                    throw new ConfigurationException($"--noise {sigma}: must be 0 to below 100, in units of images in [-1, 1]");
                var specification = DegradationSpec.Parse(parsed.GetValue(options.Degradation)!);
                reporter.Lines(specification.Notices());
                using var op = specification.Build(shape, 1, seed);
                using var measurement = Measurement.Simulate(op, InputImage.Load(file, shape, reporter), sigma, seed);
                cancellation.ThrowIfCancellationRequested();
                var folder = parsed.GetValue(options.Out)!;
                OutputFolder.Require(folder);
                ResultFolder.Clear(folder, Record);
                var files = Write(folder, op, measurement);
                var report = new JsonObject
                {
                    ["input"] = file,
                    ["degradation"] = parsed.GetValue(options.Degradation),
                    ["sigmaY"] = sigma,
                    ["seed"] = seed,
                    ["measurementLength"] = op.MeasurementLength,
                    ["files"] = JsonText.Array(files),
                };
                AtomicFile.WriteAllText(Path.Combine(folder, Record), report.ToJsonString(JsonText.Options));
                reporter.Line($"{folder}: y.npy with {op.MeasurementLength} numbers, pinv.png");
                if (parsed.GetValue(options.Json))
                {
                    report["folder"] = folder;
                    JsonText.Print(report);
                }
                return ExitCode.Success;
            }
        );
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

    private static List<string> Write(string folder, LinearOperator op, Measurement measurement)
    {
        var files = new List<string> { "y.npy" };
        using var values = measurement.Values.contiguous();
        Npy.Write(Path.Combine(folder, "y.npy"), new NpyArray(ElementType.F32, [op.MeasurementLength], values.bytes.ToArray()));
        Save("pinv.png", op.Exact.PseudoInverse(measurement.Values)[0, 0]);
        if (op.View(measurement.Values) is { } view && view.shape[2] is 1 or 3)
            Save("measurement.png", view[0, 0]);
        if (op.Picture() is { } picture)
            Save("operator.png", picture[0] * 2 - 1);
        return files;

        void Save(string name, Tensor image)
        {
            ImageEncoder.Save(Pictures.FromTensor(image), Path.Combine(folder, name));
            files.Add(name);
        }
    }
}
