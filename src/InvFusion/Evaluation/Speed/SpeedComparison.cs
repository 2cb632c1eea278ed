namespace InvFusion.Evaluation.Speed;

/// <summary>Two reports side by side.</summary>
/// <param name="Rows">The rows that both have, in the order of the new one.</param>
/// <param name="OnlyNew">Names of rows that only the new one has.</param>
/// <param name="OnlyOld">Names of rows that only the old one has.</param>
/// <param name="Differences">What else than the program differs: processor, threads, size of the run.</param>
public sealed record SpeedComparison(
    IReadOnlyList<SpeedRatio> Rows,
    IReadOnlyList<string> OnlyNew,
    IReadOnlyList<string> OnlyOld,
    IReadOnlyList<string> Differences
)
{
    /// <summary>Compares.</summary>
    public static SpeedComparison Of(SpeedReport old, SpeedReport now)
    {
        ArgumentNullException.ThrowIfNull(old);
        ArgumentNullException.ThrowIfNull(now);
        var before = old.Rows.ToLookup(r => r.Key);
        return new(
            [
                .. now
                    .Rows.Where(r => before.Contains(r.Key))
                    .Select(r => new SpeedRatio(r.Part, r.Name, r.Precision, before[r.Key].First().Seconds, r.Seconds)),
            ],
            Missing(now, old),
            Missing(old, now),
            [
                .. Difference("processor", old.Processor, now.Processor),
                .. Difference("threads", old.Threads, now.Threads),
                .. Difference("quick", old.Quick, now.Quick),
            ]
        );
    }

    // A part of which the other has nothing, because it was not asked for, is one line.
    private static string[] Missing(SpeedReport report, SpeedReport other)
    {
        var (keys, parts) = (other.Rows.Select(r => r.Key).ToHashSet(), other.Rows.Select(r => r.Part).ToHashSet());
        return
        [
            .. report
                .Rows.Where(r => !keys.Contains(r.Key))
                .GroupBy(r => r.Part)
                .SelectMany(g => parts.Contains(g.Key) ? g.Select(r => r.Title) : [$"{g.Key}: all {g.Count()} rows"]),
        ];
    }

    private static string[] Difference<T>(string name, T old, T now)
        where T : notnull => old.Equals(now) ? [] : [$"{name}: {old}, now {now}"];
}

/// <summary>A row that two reports have.</summary>
/// <param name="Part">Its part.</param>
/// <param name="Name">Its name.</param>
/// <param name="Precision">Its precision, or null.</param>
/// <param name="OldSeconds">Median seconds of the old report.</param>
/// <param name="NewSeconds">Median seconds of the new one.</param>
public sealed record SpeedRatio(string Part, string Name, string? Precision, double OldSeconds, double NewSeconds)
{
    /// <summary>New over old: below 1 is faster.</summary>
    public double Ratio => NewSeconds / OldSeconds;
}
