namespace InvFusion.Evaluation.Speed;

/// <summary>A part of a <see cref="SpeedBench"/>.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Description">What it measures, in a few words.</param>
/// <param name="Cases">Makes its cases one by one, each with what it needs.</param>
internal sealed record SpeedPart(string Name, string Description, Func<SpeedRequest, IEnumerable<SpeedCase>> Cases)
{
    /// <summary>The preset of quick runs.</summary>
    private const string QuickPreset = "tiny32";

    /// <summary>Presets that it measures unless networks are named.</summary>
    public IReadOnlyList<string> Presets { get; init; } = [];

    /// <summary>Shipped models that it measures unless networks are named.</summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    /// <summary>The networks that it measures; none for a part that takes none.</summary>
    /// <exception cref="DataFormatException">A shipped model is missing or damaged.</exception>
    public IReadOnlyList<SpeedNetwork> Networks(SpeedOptions options)
    {
        if (Presets.Count + Models.Count == 0)
            return [];
        if (options.Networks.Count > 0)
            return options.Networks;
        if (options.Quick)
            return [SpeedNetwork.OfPreset(QuickPreset)];
        return [.. Presets.Select(SpeedNetwork.OfPreset), .. Models.Select(m => SpeedNetwork.OfFile(options.FindModel(m)))];
    }
}
