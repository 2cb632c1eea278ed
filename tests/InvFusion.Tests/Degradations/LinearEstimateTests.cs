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
