namespace InvFusion.Metrics.References;

/// <summary>Statistics of reference images, by the names of feature networks. Owns its entries.</summary>
/// <param name="source">What to call it in messages.</param>
/// <param name="entries">The statistics.</param>
/// <param name="info">What the file says about where they come from (JSON); empty where it says nothing.</param>
public sealed class ReferenceStatistics(string source, IReadOnlyDictionary<string, ReferenceEntry> entries, string info = "") : IDisposable
{
    /// <summary>The statistics by <see cref="Features.IFeatureExtractor.Name"/>.</summary>
    public IReadOnlyDictionary<string, ReferenceEntry> Entries => entries;

    /// <summary>What the file says about where they come from (JSON); empty where it says nothing.</summary>
    public string Info => info;

    /// <summary>Why a metric cannot use them, in one line; null where it can.</summary>
    /// <param name="extractor">Name of the feature network.</param>
    /// <param name="kernel">Whether it needs single vectors.</param>
    internal string? Problem(string extractor, bool kernel) =>
        !entries.TryGetValue(extractor, out var entry)
            ? $"{source}: has no statistics of {extractor}, only of {string.Join(", ", entries.Keys)}"
        : kernel && entry.Sample is null ? $"{source}: has no vectors, which a kernel distance needs; 'metrics ref' makes a file that has"
        : null;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var entry in entries.Values)
            entry.Dispose();
    }
}
