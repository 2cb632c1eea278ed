using InvFusion.Degradations;
using InvFusion.Ops.Kernels;
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
        Close.To(y, iterative.Apply(iterative.PseudoInverse(y)), 4e-3, "H H⁺ H = H"); // the bound of 40 and 10 steps
        // Of the directions that blur all but removes, the two ways keep a little more or less: compared where noise damps them.
        Close.To(op.Exact.PseudoInverse(y, 0.01), iterative.PseudoInverse(y, 0.01), 8e-3, "damped H⁺");
        var z = Close.Normals(2, 2, 1, op.MeasurementLength);
        Close.To(op.Exact.PseudoInverse(z, 0.05), iterative.PseudoInverse(z, 0.05), 8e-3, "damped H⁺ of noise");
    }

    [Theory]
    [InlineData("motion:stride=2,seed=3", 3, 16, 16, 2, 0)]
    [InlineData("motion:stride=2,seed=3", 2, 32, 16, 2, 0.01)]
    [InlineData("motion:stride=4,seed=4", 1, 16, 64, 1, 0.02)]
    [InlineData("motion:stride=1,seed=5", 5, 8, 32, 1, 0.05)]
    public void Large_blurs_are_inverted_by_the_kernel_as_step_by_step(string spec, int c, int h, int w, int operators, double sigma)
    {
        using var scope = NewDisposeScope();
        using var op = (FourierOperator)DegradationSpec.Parse(spec).Build(new(c, h, w), operators);
        using var iterative = new ExactFourierOperator(op, largestDense: 0);
        var y = op.Apply(Close.Normals(1, 2, 3, c, h, w)) + Close.Normals(2, 2, 3, op.MeasurementLength) * op.NoiseGain * sigma;
        y[1, 2] = 0; // nothing to solve
        var fused = iterative.PseudoInverse(y.@double(), sigma);
        FusedKernels.Enabled = FusedKernel.None;
        try
        {
            // Rounding errors grow with the steps, in the directions that blur all but removes.
            var expected = iterative.PseudoInverse(y.@double(), sigma);
            Close.To(expected, fused, sigma > 0 ? 2e-5 : 1e-3, "x");
            Close.To(op.Apply(expected), op.Apply(fused), 2e-4, "H x");
            Assert.Equal(0, fused[1, 2].abs().max().item<double>());
        }
        finally
        {
            FusedKernels.Enabled = FusedKernel.All;
        }
    }

    [Theory]
    [InlineData(16, 12)]
    [InlineData(16, 16)]
    public void An_exact_inverse_leaves_nothing_behind_but_itself(int height, int width)
    {
        using var scope = NewDisposeScope();
        using var op = (FourierOperator)DegradationSpec.Parse("motion:stride=2,seed=3").Build(new(3, height, width));
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
