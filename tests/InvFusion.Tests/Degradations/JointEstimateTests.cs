using InvFusion.Degradations;
using InvFusion.Tests.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

/// <summary>The joint estimate of x_t and y against its formula with dense matrices, for every operator.</summary>
[Collection(TorchTests.Collection)]
public sealed class JointEstimateTests
{
    public static TheoryData<string, double, double> Cases =>
        [
            .. OperatorTable
                .Names.Where(row => row.Data.Item2 == 1)
                .SelectMany(row =>
                    new[] { (0.05, 0.0), (0.5, 0.1), (4.0, 0.0), (80.0, 0.1) }.Select(s => new TheoryDataRow<string, double, double>(
                        row.Data.Item1,
                        s.Item1,
                        s.Item2
                    ))
                ),
        ];

    [Theory]
    [MemberData(nameof(Cases))]
    public void It_is_the_posterior_mean_under_the_prior(string name, double sigma, double sigmaY)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        using var prior = new CosinePrior(op.Image, ScalarType.Float64, CPU);
        var (x0, x, y) = Problem(op, prior, sigma, sigmaY);
        var expected = Dense(op, prior, x, y, sigma, sigmaY);
        var m = JointEstimate.Compute(prior, x, tensor([sigma]), op, y, tensor([sigmaY]));
        var left = (expected - x0).norm().item<double>();
        Assert.InRange((m - expected).norm().item<double>() / left, 0, 0.02); // of what the estimate itself leaves
    }

    // Smooth images drawn from the prior, what is measured of them, and the noisy images.
    private static (Tensor Images, Tensor Noisy, Tensor Measurements) Problem(
        LinearOperator op,
        CosinePrior prior,
        double sigma,
        double sigmaY
    )
    {
        var (c, h, w) = op.Image;
        var batch = OperatorTable.Batch(op);
        var x0 = prior.Inverse(Close.Normals(1, batch, c, h, w).@double() * prior.Variances.sqrt());
        var y = op.Apply(x0.unsqueeze(1)) + op.Noise(Close.Normals(2, batch, 1, op.MeasurementLength).@double()) * sigmaY;
        return (x0, x0 + Close.Normals(3, batch, c, h, w).@double() * sigma, y);
    }

    private static Tensor Dense(LinearOperator op, CosinePrior prior, Tensor x, Tensor y, double sigma, double sigmaY)
    {
        var (c, h, w) = op.Image;
        var batch = OperatorTable.Batch(op);
        var units = eye(op.Image.Length, dtype: ScalarType.Float64).reshape(1, -1, c, h, w);
        var rows = op.Apply(units.expand(batch, -1, -1, -1, -1)).transpose(1, 2); // H
        var cosines = prior.Transform(units).flatten(2).squeeze(0).t(); // a column for each pixel
        var variances = prior.Variances.flatten();
        var p = cosines
            .t()
            .mm(diag(variances * sigma * sigma / (variances + sigma * sigma)))
            .mm(cosines)
            .unsqueeze(0)
            .expand(batch, -1, -1);
        var m0 = bmm(x.reshape(batch, 1, -1), p) / (sigma * sigma);
        var image = bmm(rows, p);
        var noise = Math.Pow(Math.Max(sigmaY, JointEstimate.NoiseFloor) * op.NoiseGain, 2);
        var system = bmm(image, rows.transpose(1, 2)) + eye(op.MeasurementLength, dtype: ScalarType.Float64) * noise;
        var (values, vectors) = linalg.eigh(system);
        var inverse = bmm(vectors / values.unsqueeze(1), vectors.transpose(1, 2));
        var residual = y - bmm(m0, rows.transpose(1, 2));
        return (m0 + bmm(bmm(residual, inverse), image)).reshape(x.shape);
    }
}
