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
                        // Few steps are far from the estimate of a blur in its own frame that has no noise at all.
                        row.Data.Item1.Contains("point-spread", StringComparison.Ordinal)
                        || row.Data.Item1.Contains("periodic", StringComparison.Ordinal)
                        || row.Data.Item1.Contains("reflected", StringComparison.Ordinal)
                            ? Math.Max(s.Item2, 0.05)
                            : s.Item2
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
        var left = (expected - x0).norm().item<double>(); // what the estimate itself leaves
        var m = JointEstimate.Compute(prior, x, tensor([sigma]), op, y, tensor([sigmaY]), limits: SolverLimits.Exact);
        Assert.InRange((m - expected).norm().item<double>() / left, 0, 5e-3);
        var near = JointEstimate.Compute(prior, x, tensor([sigma]), op, y, tensor([sigmaY]));
        Assert.InRange((near - expected).norm().item<double>() / left, 0, 0.15);
    }

    [Theory]
    [MemberData(nameof(OperatorTable.Names), MemberType = typeof(OperatorTable))]
    public void It_starts_from_the_last_solution_and_ends_where_it_would_without(string name, int k)
    {
        if (k > 1)
            return;
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        using var prior = new CosinePrior(op.Image, ScalarType.Float64, CPU);
        var start = new LastValue();
        foreach (var sigma in new[] { 20.0, 1.0, 1.0 })
        {
            var (_, x, y) = Problem(op, prior, sigma, 0.1);
            var limits = new SolverLimits(2000, 1e-6);
            var cold = JointEstimate.Compute(prior, x, tensor([sigma]), op, y, tensor([0.1]), limits: limits);
            var warm = JointEstimate.Compute(prior, x, tensor([sigma]), op, y, tensor([0.1]), start, limits);
            Close.To(cold, warm, 2e-3);
        }
    }

    [Fact]
    public void The_limits_are_the_noisy_image_the_estimate_of_y_and_Wieners_filter()
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create("patches");
        using var prior = new CosinePrior(op.Image, ScalarType.Float64, CPU);
        var (_, x, y) = Problem(op, prior, 1e-4, 0.1);
        Close.To(x, JointEstimate.Compute(prior, x, tensor([1e-4]), op, y, tensor([0.1])), 1e-4, "σ → 0");
        var (first, other) = (x * 0, x * 1e3); // at σ = 1e8 any x says nothing
        Close.To(
            JointEstimate.Compute(prior, first, tensor([1e8]), op, y, tensor([0.1]), limits: SolverLimits.Exact),
            JointEstimate.Compute(prior, other, tensor([1e8]), op, y, tensor([0.1]), limits: SolverLimits.Exact),
            1e-4,
            "σ → ∞"
        );
        var wiener = prior.Inverse(prior.Transform(x) * prior.Variances / (prior.Variances + 0.25));
        Close.To(wiener, JointEstimate.Compute(prior, x, tensor([0.5])), 1e-10, "no y");
        using var none = OperatorTable.Create("none");
        using var own = new CosinePrior(none.Image, ScalarType.Float64, CPU);
        var z = Close.Normals(5, 2, 3, 8, 8).@double();
        Close.To(
            JointEstimate.Compute(own, z, tensor([0.5])),
            JointEstimate.Compute(own, z, tensor([0.5]), none, zeros(2, 1, 3, dtype: ScalarType.Float64)),
            1e-12,
            "H = 0"
        );
    }

    [Theory]
    [InlineData(0.3, 0.0)]
    [InlineData(5.0, 0.1)]
    public void The_kernel_of_masks_solves_as_the_plain_form_does(double sigma, double sigmaY)
    {
        using var scope = NewDisposeScope();
        var image = new ImageShape(3, 24, 32);
        using var op = DegradationSpec.Parse("patches:size=2,keep=0.3").Build(image, batch: 3, seed: 4);
        using var single = new CosinePrior(image, ScalarType.Float32, CPU);
        using var twice = new CosinePrior(image, ScalarType.Float64, CPU);
        var (x0, x, y) = Problem(op, twice, sigma, sigmaY);
        var sigmas = tensor([sigma, 2 * sigma, 0.1 * sigma]);
        var plain = JointEstimate.Compute(twice, x, sigmas, op, y, tensor([sigmaY]), limits: SolverLimits.Exact);
        var fused = JointEstimate.Compute(single, x.@float(), sigmas, op, y.@float(), tensor([sigmaY]), limits: new(400, 1e-5));
        Assert.InRange((plain - fused).norm().item<double>() / (plain - x0).norm().item<double>(), 0, 5e-3);
    }

    [Theory]
    [InlineData("motion:stride=2,seed=3", 0.3, 0.0)]
    [InlineData("motion:stride=4,seed=3", 5.0, 0.1)]
    [InlineData("gaussian:sigma=1.5", 1.0, 0.01)]
    public void The_kernel_of_blurs_solves_as_the_plain_form_does(string spec, double sigma, double sigmaY)
    {
        using var scope = NewDisposeScope();
        foreach (var channels in new[] { 1, 3 })
        {
            var image = new ImageShape(channels, 16, 32);
            using var op = DegradationSpec.Parse(spec).Build(image, batch: 3, seed: 4);
            using CosinePrior single = new(image, ScalarType.Float32, CPU),
                twice = new(image, ScalarType.Float64, CPU);
            var (x0, x, y) = Problem(op, twice, sigma, sigmaY);
            var sigmas = tensor([sigma, 2 * sigma, 0.1 * sigma]);
            var plain = JointEstimate.Compute(twice, x, sigmas, op, y, tensor([sigmaY]), limits: SolverLimits.Exact);
            var fused = JointEstimate.Compute(single, x.@float(), sigmas, op, y.@float(), tensor([sigmaY]), limits: new(1000, 1e-6));
            Assert.InRange((plain - fused).norm().item<double>() / (plain - x0).norm().item<double>(), 0, 0.01);
        }
    }

    [Fact]
    public void An_image_does_not_change_with_those_beside_it()
    {
        using var scope = NewDisposeScope();
        var image = new ImageShape(3, 32, 32);
        using var op = DegradationSpec.Parse("patches:size=4,keep=0.3").Build(image, batch: 2, seed: 4);
        using CosinePrior prior = new(image, ScalarType.Float32, CPU),
            twice = new(image, ScalarType.Float64, CPU);
        var (_, x, y) = Problem(op, twice, 0.7, 0);
        var together = JointEstimate.Compute(prior, x, tensor([0.7, 3]), op, y);
        using var second = op.Select(1);
        Close.To(together[1..2], JointEstimate.Compute(prior, x[1..2], tensor([3.0]), second, y[1..2]), 1e-5);
    }

    [Theory]
    [InlineData("patches")]
    [InlineData("matrix of two samples")]
    [InlineData("small image, bicubic")]
    [InlineData("none")]
    public void Its_gradient_is_that_of_finite_differences(string name)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        using var prior = new CosinePrior(op.Image, ScalarType.Float64, CPU);
        var (_, x, y) = Problem(op, prior, 0.8, 0.1);
        var (weights, direction) = (Close.Normals(8, x.shape).@double(), Close.Normals(9, x.shape).@double());
        Tensor Value(Tensor at) =>
            (JointEstimate.Compute(prior, at, tensor([0.8]), op, y, tensor([0.1]), limits: SolverLimits.Exact) * weights).sum();
        var leaf = x.detach().requires_grad_();
        Value(leaf).backward();
        var slope = (Value(x + direction * 1e-3) - Value(x - direction * 1e-3)) / 2e-3;
        Assert.Equal(slope.item<double>(), (leaf.grad! * direction).sum().item<double>(), 1e-5 * Math.Abs(slope.item<double>()) + 1e-6);
    }

    [Theory]
    [MemberData(nameof(OperatorTable.Names), MemberType = typeof(OperatorTable))]
    public void The_energy_of_columns_is_the_diagonal(string name, int k)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        if (k > 1)
            return;
        var (c, h, w) = op.Image;
        var units = eye(op.Image.Length).reshape(1, -1, c, h, w).expand(op.BatchSize, -1, -1, -1, -1);
        var exact = op.Apply(units).square().sum(2).reshape(op.BatchSize, c, h, w) / (op.NoiseGain * op.NoiseGain);
        var energy = op.ColumnEnergy(CPU).expand(exact.shape);
        var mean = exact.mean().item<float>();
        if (op is MaskOperator or MatrixOperator or SeparableOperator or NoDegradation)
            Close.To(exact, energy, 1e-4);
        else // of a blur's image, whose borders differ, or a random estimate
            Assert.InRange(energy.mean().item<float>(), 0.6 * mean, 1.6 * mean);
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
