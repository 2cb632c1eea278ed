using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using InvFusion.Evaluation;
using InvFusion.Restoration;

namespace InvFusion.Cli.Rendering;

/// <summary>What a restoration reports as JSON.</summary>
internal sealed record RestoreReport
{
    public required string Input { get; init; }

    /// <summary>Where the files are.</summary>
    public required string Folder { get; init; }

    /// <summary>The model; absent where the method needs none.</summary>
    public string? Model { get; init; }

    /// <summary>True where a zero-shot method ran on the unconditional side of a conditional model; else absent.</summary>
    public bool? UnconditionalSide { get; init; }
    public required string Degradation { get; init; }
    public required string Method { get; init; }
    public required int Steps { get; init; }

    /// <summary>Pixels that neighbouring tiles share, where the picture was restored in tiles.</summary>
    public int? TileOverlap { get; init; }

    /// <summary>The sampler's options that were given, by their names on the command line.</summary>
    public required IReadOnlyDictionary<string, string> Options { get; init; }

    /// <summary>The class that was asked for.</summary>
    public int? Class { get; init; }
    public GuidanceReport? Guidance { get; init; }
    public required int Samples { get; init; }
    public required ulong Seed { get; init; }
    public required double SigmaY { get; init; }

    /// <summary>Whether the samples were moved onto the measurement in the end.</summary>
    public required bool Projected { get; init; }
    public required double Seconds { get; init; }
    public required long Evaluations { get; init; }
    public required long ForwardCalls { get; init; }
    public required long InverseCalls { get; init; }
    public required bool Cancelled { get; init; }
    public required IReadOnlyList<string> Failures { get; init; }

    /// <summary>Root mean square of y - H x for each sample, in units of images.</summary>
    public required IReadOnlyList<double> Consistency { get; init; }

    /// <summary>The same for the mean.</summary>
    public double MeanConsistency { get; init; }

    /// <summary>Both over σ_y, where there is noise. The true image has 1, and so have posterior samples on average; their mean has less.</summary>
    public ResidualRatios? ResidualOverNoise { get; init; }

    /// <summary>Whether the samples know how wrong they may be; where the truth is known and the method draws samples, two at least.</summary>
    public PosteriorCalibration? Calibration { get; init; }

    /// <summary>Standard deviation along each principal direction, in units of images: the direction's norm.</summary>
    public IReadOnlyList<double>? DirectionDeviations { get; init; }

    /// <summary>PSNR where the truth is known.</summary>
    public Quality? PseudoInverse { get; init; }
    public Quality? Mean { get; init; }
    public IReadOnlyList<Quality>? SampleQuality { get; init; }

    /// <summary>Files that were written, relative to the folder of the report.</summary>
    public required IReadOnlyList<string> Files { get; init; }

    /// <summary>Whether a report is of the same picture, restored from the same measurement by the same model and method.</summary>
    public static bool IsOf(JsonObject report, string input, string model, string degradation, RestoreOptions settings)
    {
        return Value<string>("input") is { Length: > 0 } before
            && Path.GetFullPath(before) == Path.GetFullPath(input)
            && (Value<string>("model"), Value<string>("degradation"), Value<string>("method")) == (model, degradation, settings.Method)
            && (Value<double>("sigmaY"), Value<ulong>("seed")) == (settings.SigmaY, settings.Seed);

        T? Value<T>(string name) => report[name] is JsonValue value && value.TryGetValue<T>(out var found) ? found : default;
    }

    public string ToJson() => JsonSerializer.Serialize(this, ReportJson.Default.RestoreReport);

    /// <summary>The reports of several inputs as one array.</summary>
    public static string ToJson(IReadOnlyList<RestoreReport> reports) =>
        JsonSerializer.Serialize(reports, ReportJson.Default.IReadOnlyListRestoreReport);
}

/// <summary>Root mean squares of y - H x over σ_y, for each sample and for the mean of all.</summary>
internal sealed record ResidualRatios(IReadOnlyList<double> Samples, double Mean);

/// <summary>Quality against the truth. Where an image equals it there is no PSNR in JSON, but the reason.</summary>
internal sealed record Quality(double Psnr, double Ssim)
{
    /// <summary>Why the PSNR is null.</summary>
    public string? PsnrReason => JsonText.Reason(Psnr);
}

/// <summary>A number in JSON, null where it is none.</summary>
internal sealed class FiniteNumber : JsonConverter<double>
{
    public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDouble();

    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
    {
        if (double.IsFinite(value))
            writer.WriteNumberValue(value);
        else
            writer.WriteNullValue();
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(FiniteNumber)]
)]
[JsonSerializable(typeof(RestoreReport))]
[JsonSerializable(typeof(IReadOnlyList<RestoreReport>))]
internal sealed partial class ReportJson : JsonSerializerContext;
