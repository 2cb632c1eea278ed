using InvFusion.Degradations;
using InvFusion.Tests.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

/// <summary>The linear estimate against its formula with dense matrices, for every operator.</summary>
[Collection(TorchTests.Collection)]
public sealed class LinearEstimateTests
{
    public static TheoryData<string, int> Names => OperatorTable.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void It_is_the_posterior_mean_under_the_prior_of_pictures(string name, int k)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        if (!op.FewSteps)
            return; // it is the converged one then, see below
        const double SigmaY = 0.1;
        var (covariance, rows) = Dense(op);
        var y = op.Apply(OperatorTable.Images(op, k, 1)).to_type(ScalarType.Float64);
        var image = bmm(rows, covariance); // H C
        var system = bmm(image, rows.transpose(1, 2)) + eye(op.MeasurementLength) * Math.Pow(SigmaY * op.NoiseGain, 2);
        // Not linalg.solve: libtorch factorises several matrices from several threads at once, and that hangs or errs on the CPU.
        var (values, vectors) = linalg.eigh(system);
        var inverse = bmm(vectors / values.unsqueeze(1), vectors.transpose(1, 2));
        var expected = bmm(bmm(y, inverse), image);
        Close.To(expected, op.LinearEstimate(y, 200, tensor([SigmaY])).flatten(2), 2e-3);
    }

    // Exact on images: the canvas of a network's own operator is another problem.
    [Theory]
    [MemberData(nameof(Names))]
    public void Converged_it_is_the_dense_solution_whatever_the_noise(string name, int k)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        foreach (var sigmaY in new[] { 0.05, 0.3 })
        {
            using var inner = NewDisposeScope();
            var y = op.Apply(OperatorTable.Images(op, k, 1)).@double() + 0.01 * OperatorTable.Measurements(op, k, 2) * op.NoiseGain;
            Close.To(DenseOnImages(op, y, sigmaY), op.LinearEstimate(y, tensor([sigmaY])).flatten(2), 3e-3, $"{sigmaY}");
        }
    }

    /// <summary>The noise that rounding to 8 bits is: of a picture what is not solved stays below a fifth of a grey level.</summary>
    [Theory]
    [InlineData("super resolution", 1)]
    [InlineData("super resolution, mixed colours", 3)]
    [InlineData("grey", 1)]
    [InlineData("a small grey image", 1)]
    public void Of_a_rounded_picture_it_is_the_dense_solution(string name, int k)
    {
        const double SigmaY = 0.0023;
        const double GreyLevel = 2.0 / 255;
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        using var prior = new CosinePrior(op.Image, ScalarType.Float64, CPU);
        var pictures = prior.Inverse(prior.Variances.sqrt() * OperatorTable.Images(op, k, 1).@double());
        var y = op.Apply(pictures) + SigmaY * op.Noise(OperatorTable.Measurements(op, k, 2).@double());
        var difference = op.LinearEstimate(y, tensor([SigmaY])).flatten(2) - DenseOnImages(op, y, SigmaY);
        Assert.InRange(difference.abs().max().item<double>(), 0, GreyLevel / 5);
    }

    private static Tensor DenseOnImages(LinearOperator op, Tensor y, double sigmaY)
    {
        using var scope = NewDisposeScope();
        using var prior = new CosinePrior(op.Image, ScalarType.Float64, CPU);
        var batch = OperatorTable.Batch(op);
        var (c, h, w) = op.Image;
        var units = eye(op.Image.Length, dtype: ScalarType.Float64).reshape(1, -1, c, h, w);
        var rows = op.Apply(units.expand(batch, -1, -1, -1, -1)); // Hᵀ, [B, N, O]
        var covariance = prior.Inverse(prior.Transform(units) * prior.Variances).flatten(2).expand(batch, -1, -1);
        var image = bmm(rows.transpose(1, 2), covariance); // H C
        var system = bmm(image, rows) + eye(op.MeasurementLength) * Math.Pow(sigmaY * op.NoiseGain, 2);
        return bmm(PositiveSystems.Solve(system, y), image).MoveToOuterDisposeScope();
    }

    [Theory]
    [InlineData("blur:sigma=1")]
    [InlineData("blur:sigma=2")]
    [InlineData("blur:sigma=2,border=valid")]
    [InlineData("blur:uniform=5")]
    [InlineData("blur:uniform=9")]
    [InlineData("disk:radius=3,border=reflect")]
    [InlineData("motion:stride=2,seed=3")]
    public void Of_a_blur_with_noise_it_is_nearer_to_a_picture_than_the_damped_pseudo_inverse(string spec)
    {
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse(spec).Build(new ImageShape(3, 32, 32), seed: 5);
        using var prior = new CosinePrior(op.Image, ScalarType.Float32, CPU);
        var x = prior.Inverse(prior.Variances.sqrt() * Close.Normals(1, 1, 1, 3, 32, 32));
        const double SigmaY = 0.05;
        var y = MeasurementNoise.Add(op, op.Apply(x), SigmaY, [3]);
        double Error(Tensor estimate) => (estimate - x).norm().item<float>();
        var least = Error(op.Exact.PseudoInverse(y, SigmaY / 0.5));
        Assert.InRange(Error(op.Exact.LinearEstimate(y, tensor([SigmaY]))), 0, 0.9 * least);
        if (!op.FewSteps) // what a network is given is the same then
            Close.To(op.Exact.LinearEstimate(y, tensor([SigmaY])), op.LinearEstimate(y, 20, tensor([(float)SigmaY])), 1e-4);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Without_noise_it_agrees_with_the_measurement_after_however_few_steps(string name, int k)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        var y = op.Apply(OperatorTable.Images(op, k, 1));
        Close.To(y, op.Apply(op.LinearEstimate(y, 10)), 1e-3);
    }

    [Theory]
    [InlineData("missing-box:4,4,24,24")]
    [InlineData("patches:keep=0.2")]
    [InlineData("motion:stride=2,seed=3")]
    [InlineData("motion:stride=4,seed=3")]
    [InlineData("sr:4")]
    [InlineData("random-matrix:rows=64")]
    public void It_is_nearer_to_a_smooth_picture_than_the_pseudo_inverse(string spec)
    {
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse(spec).Build(new ImageShape(3, 32, 32), batch: 2, seed: 5);
        var coarse = Close.Normals(1, 2, 1, 4, 4).expand(-1, 3, -1, -1);
        var x = nn.functional.interpolate(coarse, [32, 32], mode: InterpolationMode.Bicubic, align_corners: false).unsqueeze(1);
        var y = op.Apply(x);
        var (linear, plain) = (op.LinearEstimate(y, 20), op.PseudoInverse(y));
        Assert.InRange((linear - x).norm().item<float>(), 0, 0.8 * (plain - x).norm().item<float>());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void An_image_does_not_change_with_those_beside_it(string name, int k)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        var y = op.Apply(OperatorTable.Images(op, k, 1)).@double(); // some operators magnify rounding, which is the processor's
        y[1] *= 1e-3;
        using var alone = op.Select(1);
        Close.To(op.LinearEstimate(y, 20)[1..2], alone.LinearEstimate(y[1..2], 20), 1e-4);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Each_image_has_its_own_noise(string name, int k)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        var y = op.Apply(OperatorTable.Images(op, k, 1)).@double();
        double[] levels = [.. Enumerable.Range(0, (int)y.shape[0]).Select(i => i % 2 == 0 ? 0.3 : 0)];
        var together = op.LinearEstimate(y, 20, tensor(levels));
        for (var i = 0; i < levels.Length; i++)
        {
            using var alone = op.Select(i);
            Close.To(
                alone.LinearEstimate(y[i..(i + 1), .., ..alone.MeasurementLength], 20, tensor([levels[i]])),
                together[i..(i + 1)],
                1e-4
            );
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void It_leaves_nothing_behind_but_itself(string name, int k)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        var y = op.Apply(OperatorTable.Images(op, k, 1));
        var before = scope.DisposablesCount;
        _ = op.LinearEstimate(y, 3);
        Assert.Equal(before + 1, scope.DisposablesCount);
    }

    [Fact]
    public void Nothing_measured_gives_nothing()
    {
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse("none").Build(new ImageShape(3, 8, 8), batch: 2);
        var estimate = op.LinearEstimate(zeros(2, 1, op.MeasurementLength), 20);
        Assert.Equal(0, estimate.abs().max().item<float>());
    }

    // C and H of every sample as matrices: column by column from what the code computes for unit images.
    private static (Tensor Covariance, Tensor Rows) Dense(LinearOperator op)
    {
        var (c, h, w) = op.Image;
        var units = eye(op.Image.Length, dtype: ScalarType.Float64).reshape(1, -1, c, h, w);
        using var prior = new PicturePrior(op.Image, ScalarType.Float64, CPU);
        var batch = OperatorTable.Batch(op);
        var rows = op.Apply(units.expand(batch, -1, -1, -1, -1)).transpose(1, 2);
        return (prior.Multiply(units).flatten(2).expand(batch, -1, -1), rows);
    }
}
