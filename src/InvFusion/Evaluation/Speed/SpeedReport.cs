using System.Globalization;
using InvFusion.Configuration;
using InvFusion.Formats.IO;
using InvFusion.Training;
using TorchSharp;

namespace InvFusion.Evaluation.Speed;

/// <summary>What a <see cref="SpeedBench"/> found, and of what; the file that runs are compared by.</summary>
public sealed record SpeedReport
{
    /// <summary>What <see cref="Format"/> is in files of this program.</summary>
    public const string CurrentFormat = "invfusion-speed-1";

    /// <summary>Names the format of the file.</summary>
    public required string Format { get; init; }

    /// <summary>The library's version with the commit that it was built from.</summary>
    public required string Commit { get; init; }

    /// <summary>When the run began, in UTC.</summary>
    public required string Date { get; init; }

    /// <summary>The processor.</summary>
    public required string Processor { get; init; }

    /// <summary>Threads of libtorch.</summary>
    public required int Threads { get; init; }

    /// <summary>The precisions that were measured.</summary>
    public required IReadOnlyList<string> Precisions { get; init; }

    /// <summary>See <see cref="SpeedOptions.Quick"/>.</summary>
    public required bool Quick { get; init; }

    /// <summary>Whether everything that was asked for was measured.</summary>
    public required bool Complete { get; init; }

    /// <summary>The best of libtorch's matrix products by precision, in 1e9 operations a second.</summary>
    public required IReadOnlyDictionary<string, double> PeakGflops { get; init; }

    /// <summary>The figures.</summary>
    public required IReadOnlyList<SpeedRow> Rows { get; init; }

    /// <summary>A report without rows.</summary>
    internal static SpeedReport Begin(SpeedOptions options) =>
        new()
        {
            Format = CurrentFormat,
            Commit = CodeVersion.Library,
            Date = DateTime.UtcNow.ToString("s", CultureInfo.InvariantCulture) + "Z",
            Processor = HostDescription.Processor,
            Threads = torch.get_num_threads(),
            Precisions = [.. options.Precisions.Distinct()],
            Quick = options.Quick,
            Complete = false,
            PeakGflops = new Dictionary<string, double>(),
            Rows = [],
        };

    /// <summary>The report with the best of these rows as the peaks.</summary>
    internal SpeedReport WithPeaksOf(IEnumerable<SpeedRow> rows) =>
        this with
        {
            PeakGflops = rows.GroupBy(r => r.Precision!).ToDictionary(g => g.Key, g => g.Max(r => r.Gflops!.Value)),
        };

    /// <summary>The report with one more row, whose share is filled in.</summary>
    internal SpeedReport With(SpeedRow row)
    {
        var share = row is { Precision: { } precision, Gflops: { } rate } ? rate / PeakGflops[precision] : (double?)null;
        return this with { Rows = [.. Rows, row with { Share = share }] };
    }

    /// <summary>The report as indented JSON.</summary>
    public string ToJson() => ConfigurationJson.Write(this);

    /// <summary>Writes it atomically.</summary>
    /// <exception cref="DataFormatException">The file cannot be written.</exception>
    public void Save(string path) => AtomicFile.WriteAllText(path, ToJson() + "\n");

    /// <summary>Reads a report.</summary>
    /// <exception cref="DataFormatException">The file does not exist or is none.</exception>
    public static SpeedReport Load(string path)
    {
        if (!File.Exists(path))
            throw new DataFormatException($"{path}: does not exist; name a file that 'bench speed --out' wrote");
        SpeedReport report;
        try
        {
            report = ConfigurationJson.Read<SpeedReport>(FormatErrors.Translate(path, () => InputFile.ReadAllText(path)), path);
        }
        catch (ConfigurationException e)
        {
            throw Foreign(e.Message, e);
        }
        if (report.Format != CurrentFormat)
            throw Foreign($"{path}: its format is '{report.Format}', not '{CurrentFormat}'");
        foreach (var row in report.Rows)
            if (row is null || !(row.Seconds > 0))
                throw Foreign($"{path}: {(row is null ? "a row is null" : $"'{row.Name}' has no time")}");
        return report;

        static DataFormatException Foreign(string problem, Exception? cause = null) =>
            new($"{problem}; name a file that 'bench speed --out' of this version wrote", cause);
    }
}
