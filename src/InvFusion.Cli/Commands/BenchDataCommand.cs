using System.CommandLine;
using System.Text.Json.Nodes;
using InvFusion.Cli.Rendering;
using InvFusion.Data;
using InvFusion.Evaluation.Speed;
using InvFusion.Imaging;

namespace InvFusion.Cli.Commands;

/// <summary><c>bench data</c>: how fast images become training data.</summary>
internal static class BenchDataCommand
{
    public static Command Create()
    {
        var options = new SharedOptions();
        var source = new Argument<string>("source") { Description = $"A folder or zip of images, or {DatasetLayouts.Usage}" };
        var size = new Option<int>("--size") { Description = "Side of the images in pixels", DefaultValueFactory = _ => 64 };
        var crop = new Option<CropMode>("--crop") { Description = "Adm (as ImageNet's), Lanczos, Box or Bicubic" };
        var passes = new Option<int>("--passes")
        {
            Description = "Timed passes over the images, after one that is not timed; the median counts",
            DefaultValueFactory = _ => 5,
        };
        var command = new Command("data", "Images a second: decoding alone, and decoding, cropping and resizing")
        {
            source,
            size,
            crop,
            passes,
            options.Threads,
        };
        options.AddOutput(command);
        command.Add(options.Json);
        command.SetWork(
            (parsed, cancellation) =>
            {
                var (threads, count) = (options.ThreadCount(parsed), parsed.GetValue(passes));
                if (count is < 1 or > 1000)
                    throw new ConfigurationException($"--passes {count}: must be 1 to 1000");
                using var images = ImageSource.Open(parsed.GetValue(source)!);
                var set = new ResizedSet(images, parsed.GetValue(size), parsed.GetValue(crop)); // its source is disposed above
                var parallel = new ParallelOptions
                {
                    CancellationToken = cancellation,
                    MaxDegreeOfParallelism = threads > 0 ? threads : Environment.ProcessorCount,
                };
                var (decode, decodeTime) = DecodingRate.Measure(images.Count, count, parallel, i => images.Load(i));
                var (whole, wholeTime) = DecodingRate.Measure(
                    images.Count,
                    count,
                    parallel,
                    i => set.Read(i, new byte[3 * set.Size * set.Size])
                );
                if (parsed.GetValue(options.Json))
                    JsonText.Print(
                        new JsonObject
                        {
                            ["images"] = images.Count,
                            ["size"] = set.Size,
                            ["crop"] = parsed.GetValue(crop).ToString(),
                            ["threads"] = parallel.MaxDegreeOfParallelism,
                            ["decodePerSecond"] = decode,
                            ["decodeAndResizePerSecond"] = whole,
                            ["decodeProcessorMilliseconds"] = decodeTime,
                            ["decodeAndResizeProcessorMilliseconds"] = wholeTime,
                        }
                    );
                else
                    Console.WriteLine(
                        FormattableString.Invariant(
                            $"{images.Count} images, {parallel.MaxDegreeOfParallelism} threads: decoding {decode:F0} a second ({decodeTime:F2} ms of a processor each), decoding and resizing to {set.Size} {whole:F0} a second ({wholeTime:F2} ms)"
                        )
                    );
                return ExitCode.Success;
            }
        );
        return command;
    }
}
