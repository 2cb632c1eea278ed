using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Evaluation;
using InvFusion.Restoration;
using static TorchSharp.torch;

namespace InvFusion.Cli.Rendering;

/// <summary>What a restoration is worth: against the measurement, and against the truth where it is known.</summary>
internal static class RestoreScores
{
    /// <summary>The report with its scores.</summary>
    /// <param name="report">The report so far.</param>
    /// <param name="op">H.</param>
    /// <param name="measurement">y, and the truth where it is known.</param>
    /// <param name="restored">The images.</param>
    /// <param name="finished">Which samples did not diverge.</param>
    public static RestoreReport Add(
        RestoreReport report,
        LinearOperator op,
        Measurement measurement,
        RestoredImage restored,
        IReadOnlyList<int> finished
    )
    {
        using var scope = NewDisposeScope();
        var samples = stack(finished.Select(i => restored.Samples[i]), 0);
        var (measured, mean) = (samples, restored.Mean.unsqueeze(0));
        if (restored.Latents is { } latents)
        {
            measured = stack(finished.Select(i => latents[i]), 0);
            mean = measured.mean([0], keepdim: true);
        }
        var consistency = Consistency.RootMeanSquare(op, measured, measurement.Values);
        var ofMean = Consistency.RootMeanSquare(op, mean, measurement.Values)[0];
        report = report with
        {
            Consistency = consistency,
            MeanConsistency = ofMean,
            DirectionDeviations = restored.Directions is { } directions
                ? [.. directions.flatten(1).norm(1).to_type(ScalarType.Float64).cpu().data<double>()]
                : null,
            ResidualOverNoise = report.SigmaY > 0 ? new([.. consistency.Select(c => c / report.SigmaY)], ofMean / report.SigmaY) : null,
        };
        if (measurement.Truth is not { } truth)
            return report;
        return report with
        {
            PseudoInverse = Against(restored.PseudoInverse),
            Mean = Against(restored.Mean),
            SampleQuality = [.. samples.unbind().Select(Against)],
            Calibration =
                finished.Count > 1 && !Samplers.Find(report.Method).PointEstimate ? PosteriorCalibration.Of(samples, truth[0]) : null,
        };

        Quality Against(Tensor image) => new(ImageQuality.Psnr(image, truth[0]), ImageQuality.Ssim(image, truth[0]));
    }

    /// <summary>The scores in a few words.</summary>
    public static string Summary(RestoreReport r)
    {
        var residual = r.ResidualOverNoise is { } over
            ? $"residual {over.Samples.Average():0.00} σ_y (mean {over.Mean:0.00})"
            : $"consistency {r.Consistency.Average():0.0000}";
        return r.Calibration is { Numbers: > 0 } c
            ? $"{residual}, spread/error {c.SpreadOverError:0.00}, {c.NominalCoverage:0 %} intervals hold {c.Coverage:0 %}"
            : residual;
    }
}
