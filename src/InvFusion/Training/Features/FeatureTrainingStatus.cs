namespace InvFusion.Training.Features;

/// <summary>How far the training of features is.</summary>
/// <param name="Images">Images seen.</param>
/// <param name="TotalImages">Images of the run.</param>
/// <param name="Loss">Mean loss since the last status; ln(2·batch - 1) knows nothing.</param>
/// <param name="Found">Share of the views whose partner was the nearest of all, since the last status.</param>
/// <param name="Seconds">Time since the start.</param>
public readonly record struct FeatureTrainingStatus(long Images, long TotalImages, double Loss, double Found, double Seconds);
