using System.CommandLine;
using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Evaluation;

namespace InvFusion.Cli.Commands;

/// <summary>What the benches on degraded images share: the set, how it is degraded, and in which batches.</summary>
/// <param name="shared">Noise, seed and device.</param>
/// <param name="count">Images by default.</param>
/// <param name="batch">Images of a batch by default.</param>
internal sealed class DegradedSetOptions(SharedOptions shared, int count, int batch)
{
    public Argument<string> Data { get; } = new("data") { Description = $"Clean images: {ImageSets.Usage}" };

    public Option<string[]> Degradations { get; } =
        new("--degradation", "-d")
        {
            Description = "Degradations; several may follow",
            AllowMultipleArgumentsPerToken = true,
            Required = true,
        };

    public Option<int?> Count { get; } = ImageSets.CountOption(count);

    public Option<int> Batch { get; } =
        new("--batch") { Description = "Images that go through the network together", DefaultValueFactory = _ => batch };

    public DegradationSpec[] Specifications(ParseResult parsed) => [.. parsed.GetValue(Degradations)!.Select(DegradationSpec.Parse)];

    public ComparisonOptions Read(ParseResult parsed, IImageSet images) =>
        new()
        {
            Count = ImageSets.Count(parsed.GetValue(Count), count, images, parsed.GetValue(Data)!),
            BatchSize = parsed.GetValue(Batch),
            Seed = parsed.GetValue(shared.Seed),
            SigmaY = parsed.GetValue(shared.Noise),
            Device = shared.Device(parsed),
        };
}
