namespace InvFusion.Restoration;

/// <summary>How far a restoration is, in evaluations of the network, counted in images as <see cref="RestoredImage.Evaluations"/> is.</summary>
/// <param name="Done">Evaluations done.</param>
/// <param name="Total">Evaluations in all.</param>
public readonly record struct RestoreProgress(long Done, long Total);
