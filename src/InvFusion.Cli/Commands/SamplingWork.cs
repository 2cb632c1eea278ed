using InvFusion.Cli.Rendering;
using InvFusion.Degradations;
using InvFusion.Restoration;
using static TorchSharp.torch;

namespace InvFusion.Cli.Commands;

/// <summary>Draws samples, with progress and a warning for each one that fails.</summary>
internal static class SamplingWork
{
    public static RestoredImage Run(
        string title,
        Restorer restorer,
        LinearOperator? op,
        Tensor? measurement,
        RestoreOptions settings,
        Reporter reporter,
        CancellationToken cancellation
    )
    {
        var restored = reporter.Run(
            title,
            "evaluations",
            progress => restorer.Restore(op, measurement, settings, new EvaluationProgress(progress), cancellation)
        );
        foreach (var failure in restored.Failures)
            reporter.Line($"warning: {failure.Message}");
        return restored;
    }

    private sealed class EvaluationProgress(IProgress<(double Done, double Total)> target) : IProgress<RestoreProgress>
    {
        public void Report(RestoreProgress value) => target.Report((value.Done, value.Total));
    }
}
