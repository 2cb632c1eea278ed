using InvFusion.Diffusion;
using InvFusion.Evaluation;
using InvFusion.Metrics.Statistics;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>PSNR, agreement with the measurement, feature statistics and the Fréchet distance.</summary>
internal static class MetricsCase
{
    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        Tensor a = PixelEncoding.Encode(golden.Tensor("im_a")),
            b = PixelEncoding.Encode(golden.Tensor("im_b"));
        double[] psnr = [.. Enumerable.Range(0, (int)a.shape[0]).Select(i => ImageQuality.Psnr(a[i], b[i]))];
        comparison.Check("psnr", tensor(psnr), golden.Tensor("psnr"));
        comparison.Check("psnr_mean", psnr.Average(), golden.Settings.GetProperty("psnr_mean").GetDouble());
        Tensor y = golden.Tensor("y_a"),
            measured = golden.Tensor("y_b");
        comparison.Check("consistency", tensor(Consistency.SumOfSquares(y, measured)), golden.Tensor("consistency"));
        comparison.Check("consistency_psnr", tensor(Consistency.Psnr(y, measured)), golden.Tensor("consistency_psnr"));
        Distance(golden, comparison, "", "fid");
        Distance(golden, comparison, "_lowrank", "fid_lowrank");
    }

    private static void Distance(GoldenCase golden, Comparison comparison, string suffix, string expected)
    {
        using var a = Statistics(golden, comparison, $"a{suffix}");
        using var b = Statistics(golden, comparison, $"b{suffix}");
        comparison.Check(expected, FrechetDistance.Between(a, b), golden.Settings.GetProperty(expected).GetDouble());
    }

    private static FeatureStatistics Statistics(GoldenCase golden, Comparison comparison, string name)
    {
        var features = golden.Tensor($"feat_{name}");
        using var moments = new FeatureMoments((int)features.shape[1]);
        moments.Add(features.narrow(0, 0, 7)); // in two batches
        moments.Add(features.narrow(0, 7, features.shape[0] - 7));
        var statistics = moments.Statistics();
        comparison.Check($"mu_{name}", statistics.Mean, golden.Tensor($"mu_{name}"), tolerance: 1e-9);
        comparison.Check($"sigma_{name}", statistics.Covariance, golden.Tensor($"sigma_{name}"), tolerance: 1e-9);
        return statistics;
    }
}
