namespace InvFusion.Metrics.Scores;

/// <summary>One line of the table of metrics.</summary>
/// <param name="Name">The name that a user gives and results have.</param>
/// <param name="Needs">What it must be given.</param>
/// <param name="Summary">What it is, in one line.</param>
public abstract record MetricKind(string Name, MetricNeeds Needs, string Summary)
{
    /// <summary>What the names of projected variants begin with.</summary>
    public const string ProjectedPrefix = "projected_";

    /// <summary>Whether it is of the images moved onto the measurement.</summary>
    public bool Projected => Name.StartsWith(ProjectedPrefix, StringComparison.Ordinal);
}
