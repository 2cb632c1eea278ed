using InvFusion.Degradations;
using InvFusion.Tests.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

[Collection(TorchTests.Collection)]
public sealed class ConjugateGradientTests
{
    private static readonly ImageShape Image = new(3, 16, 12);

    [Theory]
    [InlineData("motion:stride=2,seed=3")]
    [InlineData("motion:stride=4,seed=4,intensity=0.9")]
    public void Large_blurs_are_inverted_as_small_ones_are(string spec)
    {
        using var scope = NewDisposeScope();
        using var op = (FourierOperator)DegradationSpec.Parse(spec).Build(Image, batch: 2);
        using var iterative = new ExactFourierOperator(op, largestDense: 0);
        var y = op.Apply(Close.Normals(1, 2, 2, 3, 16, 12));
        Close.To(y, iterative.Apply(iterative.PseudoInverse(y)), 1e-3, "H H⁺ H = H");
        // Of the directions that blur all but removes, the two ways keep a little more or less: compared where noise damps them.
        Close.To(op.Exact.PseudoInverse(y, 0.01), iterative.PseudoInverse(y, 0.01), 1e-4, "damped H⁺");
        var z = Close.Normals(2, 2, 1, op.MeasurementLength);
        Close.To(op.Exact.PseudoInverse(z, 0.05), iterative.PseudoInverse(z, 0.05), 1e-4, "damped H⁺ of noise");
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void A_few_steps_of_least_squares_come_nearer_to_the_image_than_the_canvas_does(int stride)
    {
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse($"motion:stride={stride},seed=3").Build(Image, batch: 2);
        var smooth = nn.functional.interpolate(
            Close.Normals(1, 2, 3, 4, 3),
            [16, 12],
            mode: InterpolationMode.Bilinear,
            align_corners: false
        );
        var x = smooth.unsqueeze(1);
        var y = op.Apply(x);
        double Error(Tensor estimate) => (estimate - x).norm().item<float>();
        var few = op.LeastSquares(y, 20);
        Assert.InRange(Error(few), 0, 0.8 * Error(op.PseudoInverse(y)));
        Assert.InRange(Error(op.Exact.PseudoInverse(y)), 0, 1.001 * Error(few)); // a projection of x: the nearest there is in the row space
        Close.To(few, op.LeastSquares(op.Apply(few), 200), 0.05, "in the row space");
    }

    [Fact]
    public void Where_the_pseudo_inverse_is_exact_least_squares_is_it()
    {
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse("sr:4").Build(new ImageShape(3, 16, 16), batch: 2);
        var y = Close.Normals(1, 2, 2, op.MeasurementLength);
        Assert.True(op.PseudoInverse(y).Equals(op.LeastSquares(y, 3)));
    }

    [Fact]
    public void An_exact_inverse_leaves_nothing_behind_but_itself()
    {
        using var scope = NewDisposeScope();
        using var op = (FourierOperator)DegradationSpec.Parse("motion:stride=2,seed=3").Build(Image);
        using var iterative = new ExactFourierOperator(op, largestDense: 0);
        var y = Close.Normals(1, 1, 1, op.MeasurementLength);
        var before = scope.DisposablesCount;
        _ = iterative.PseudoInverse(y);
        Assert.Equal(before + 1, scope.DisposablesCount);
    }

    [Fact]
    public void An_operator_without_a_pseudo_inverse_of_its_own_has_the_minimum_norm_one()
    {
        using var scope = NewDisposeScope();
        using var matrix = DegradationSpec.Parse("random-matrix:rows=40").Build(Image, batch: 2, seed: 7);
        using var plain = new Plain(matrix);
        var y = Close.Normals(1, 2, 3, matrix.MeasurementLength);
        Close.To(matrix.PseudoInverse(y), plain.PseudoInverse(y), 1e-4, "H⁺");
        Close.To(matrix.Exact.PseudoInverse(y, 0.2), plain.PseudoInverse(y, 0.2), 1e-4, "damped H⁺");
    }

    [Fact]
    public void An_image_does_not_change_with_those_solved_beside_it()
    {
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse("gray+sr:2").Build(Image);
        var y = Close.Normals(1, 3, 2, op.MeasurementLength);
        y[0] *= 1e-3;
        Close.To(op.PseudoInverse(y)[0..1], op.PseudoInverse(y[0..1]), 1e-6);
    }

    [Fact]
    public void Nothing_measured_gives_nothing_back()
    {
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse("gray+sr:2").Build(Image);
        Assert.Equal(0, op.PseudoInverse(zeros([1, 1, op.MeasurementLength])).abs().max().item<float>());
    }

    // A user's operator that knows only H and Hᵀ.
    private sealed class Plain(LinearOperator inner) : LinearOperator(inner.Image, inner.BatchSize, inner.MeasurementLength)
    {
        public override Tensor Apply(Tensor images) => inner.Apply(images);

        public override Tensor Adjoint(Tensor measurements) => inner.Adjoint(measurements);

        public override LinearOperator Select(params ReadOnlySpan<long> samples) => new Plain(inner.Select(samples));
    }
}
