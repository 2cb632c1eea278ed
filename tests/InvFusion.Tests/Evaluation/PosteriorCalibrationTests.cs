using InvFusion.Diffusion;
using InvFusion.Evaluation;
using InvFusion.Tests.Degradations;
using InvFusion.Tests.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Evaluation;

/// <summary>Calibration of samples whose distribution is known.</summary>
[Collection(TorchTests.Collection)]
public sealed class PosteriorCalibrationTests
{
    private const int Numbers = 40_000;

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(32)]
    public void Samples_of_the_truth_s_own_Gaussian_are_calibrated_however_few(int count)
    {
        using var scope = NewDisposeScope();
        var calibration = Draw(count, spread: 1);
        Assert.Equal((count, Numbers), (calibration.Samples, calibration.Numbers));
        Assert.Equal(1, calibration.SpreadOverError, 0.03);
        Assert.Equal(0.9, calibration.Coverage, 0.01);
        Assert.Equal((count - 1.0) / (count + 1), calibration.InsideRange, 0.015);
        Assert.Equal((0.9, (count - 1.0) / (count + 1)), (calibration.NominalCoverage, calibration.ExpectedInsideRange));
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(2)]
    public void A_spread_that_is_wrong_is_seen(double spread)
    {
        using var scope = NewDisposeScope();
        var calibration = Draw(64, spread);
        Assert.Equal(spread, calibration.SpreadOverError, 0.03 * spread);
        // P(|n| < 1.645·spread), and t of 63 degrees of freedom is near n.
        Assert.Equal(spread < 1 ? 0.589 : 0.999, calibration.Coverage, 0.015);
    }

    [Fact]
    public void The_posterior_sampler_of_a_Gaussian_is_calibrated_and_with_a_wrong_covariance_it_is_not()
    {
        const int Truths = 300,
            Samples = 4;
        using var scope = NewDisposeScope();
        var posterior = new GaussianPosterior(sigmaY: 0.2);
        var root = linalg.cholesky(posterior.Covariance + 1e-12 * eye(GaussianPosterior.Length, dtype: float64));
        var truths = posterior.Mean + Close.Normals(5, Truths, GaussianPosterior.Length).@double().mm(root.t());

        var right = Calibrate(posterior.Covariance);
        Assert.Equal(1, right.SpreadOverError, 0.1);
        Assert.Equal(0.9, right.Coverage, 0.04);
        Assert.Equal(0.6, right.InsideRange, 0.06);
        var sure = Calibrate(posterior.Covariance / 16);
        Assert.InRange(sure.SpreadOverError, 0.2, 0.35);
        Assert.InRange(sure.Coverage, 0.2, 0.6);

        PosteriorCalibration Calibrate(Tensor covariance)
        {
            using var result = new EdmSampler().Sample(
                new GaussianDenoiser(posterior.Mean, covariance),
                SamplerRequests.ForCount(Truths * Samples),
                cancellation: TestContext.Current.CancellationToken
            );
            var samples = result.Images.reshape(Samples, Truths, GaussianPosterior.Length);
            return PosteriorCalibration.Of(samples, truths);
        }
    }

    [Fact]
    public void What_was_measured_does_not_count_unless_it_is_wrong()
    {
        using var scope = NewDisposeScope();
        var samples = Close.Normals(3, 8, 100);
        var truth = Close.Normals(4, 100);
        samples[.., ..60] = truth[..60] + 1e-6 * samples[.., ..60];
        Assert.Equal(40, PosteriorCalibration.Of(samples, truth).Numbers);

        truth[..10] += 1;
        var missed = PosteriorCalibration.Of(samples, truth);
        Assert.Equal(50, missed.Numbers);
        Assert.InRange(missed.Coverage, 0.6, 0.8);

        var none = PosteriorCalibration.Of(truth.expand(3, -1), truth);
        Assert.Equal((0, true), (none.Numbers, double.IsNaN(none.SpreadOverError)));
        Assert.Throws<ArgumentException>(() => PosteriorCalibration.Of(samples[..1], truth));
        Assert.Throws<ArgumentException>(() => PosteriorCalibration.Of(samples, truth[..50]));
    }

    // Every number has a posterior of its own.
    private static PosteriorCalibration Draw(int count, double spread)
    {
        var (means, widths) = (Close.Normals(1, Numbers), Close.Normals(2, Numbers).abs() + 0.1);
        var samples = means + spread * widths * Close.Normals(3, count, Numbers);
        return PosteriorCalibration.Of(samples, means + widths * Close.Normals(4, Numbers));
    }
}
