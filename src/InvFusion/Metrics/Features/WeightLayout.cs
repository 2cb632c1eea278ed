namespace InvFusion.Metrics.Features;

/// <summary>How the names of a weight file map to those of a network.</summary>
/// <param name="NameOf">The network's name for a tensor of the file; null leaves the tensor out.</param>
/// <param name="Default">What fills a tensor that the file lacks; null where it must be there.</param>
internal sealed record WeightLayout(Func<string, string?> NameOf, Func<string, double?> Default)
{
    /// <summary>The same names, and nothing may be missing.</summary>
    public static WeightLayout Plain { get; } = new(name => name, _ => null);
}
