using InvFusion.Degradations;

namespace InvFusion.Evaluation.Speed;

/// <summary>What a <see cref="SpeedBench"/> measures. Empty lists stand for each part's own choice.</summary>
public sealed record SpeedOptions
{
    private const int FewestRepeats = 3;
    private const int MostRepeats = 1000;
    private const int LargestBatch = 4096;

    /// <summary>Names of parts, see <see cref="SpeedParts"/>; all when empty. The peak is measured in every case.</summary>
    public IReadOnlyList<string> Parts { get; init; } = [];

    /// <summary>The networks, for the parts that take some.</summary>
    public IReadOnlyList<SpeedNetwork> Networks { get; init; } = [];

    /// <summary>The file of a shipped model's name.</summary>
    public required Func<string, string> FindModel { get; init; }

    /// <summary>Images that are computed together.</summary>
    public IReadOnlyList<int> Batches { get; init; } = [];

    /// <summary>Degradations, for the parts that take some.</summary>
    public IReadOnlyList<DegradationSpec> Degradations { get; init; } = [];

    /// <summary>fp32 and bf16, or one of them.</summary>
    public IReadOnlyList<string> Precisions { get; init; } = ["fp32", "bf16"];

    /// <summary>Repetitions that are timed, after a warm-up; null for 7, and 3 of a quick run.</summary>
    public int? Repeats { get; init; }

    /// <summary>Threads that decode images; 0 for one on each processor. Those of libtorch are set when it starts.</summary>
    public int Threads { get; init; }

    /// <summary>Images to decode: a folder, a zip or a part of a known set; null for pictures made for it.</summary>
    public string? Data { get; init; }

    /// <summary>Small shapes and the smallest preset, to see in seconds that everything runs; the figures say little.</summary>
    public bool Quick { get; init; }

    /// <summary>The repetitions that <see cref="Repeats"/> means.</summary>
    internal int RepeatCount => Repeats ?? (Quick ? FewestRepeats : 7);

    /// <summary>Checks every value.</summary>
    /// <exception cref="ConfigurationException">The message names the option.</exception>
    internal void Validate()
    {
        if (RepeatCount is < FewestRepeats or > MostRepeats)
            throw new ConfigurationException($"--repeats {RepeatCount}: must be {FewestRepeats} to {MostRepeats}, to have a median");
        if (Batches.Any(b => b is < 1 or > LargestBatch))
            throw new ConfigurationException($"--batch {Batches.First(b => b is < 1 or > LargestBatch)}: must be 1 to {LargestBatch}");
        if (Precisions.FirstOrDefault(p => p is not ("fp32" or "bf16")) is { } unknown)
            throw new ConfigurationException($"--precision {unknown}: unknown; use fp32, bf16 or both");
        if (Networks.GroupBy(n => n.Name).FirstOrDefault(g => g.Count() > 1) is { } several)
            throw new ConfigurationException($"--model: {several.Count()} networks are called '{several.Key}'; give each its own name");
    }
}
