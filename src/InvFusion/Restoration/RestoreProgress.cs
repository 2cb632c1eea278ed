namespace InvFusion.Restoration;

/// <summary>How far a restoration is, in evaluations of the network.</summary>
/// <param name="Done">Evaluations done.</param>
/// <param name="Total">Evaluations in all.</param>
public readonly record struct RestoreProgress(int Done, int Total);
