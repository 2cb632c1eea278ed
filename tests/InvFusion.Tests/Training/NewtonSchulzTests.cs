using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using InvFusion.Training;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Training;

[Collection(TorchTests.Collection), NoTensorLeaks]
public class NewtonSchulzTests
{
    [Theory]
    [InlineData(64, 64, ScalarType.Float32)]
    [InlineData(48, 144, ScalarType.Float32)]
    [InlineData(144, 48, ScalarType.Float32)]
    [InlineData(48, 144, ScalarType.BFloat16)]
    [InlineData(144, 48, ScalarType.BFloat16)]
    public void Singular_values_come_near_one_and_singular_vectors_stay(int rows, int columns, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var (u, s, vh) = Svd(randn(1, rows, columns));
        s = linspace(0.2, 1, s.shape[1], ScalarType.Float64).unsqueeze(0);
        var matrix = (u * s.unsqueeze(1)).bmm(vh);
        var result = NewtonSchulz.Orthogonalize((matrix / matrix.norm()).to_type(dtype));
        Assert.Equal(dtype, result.dtype);
        AssertPolarFactor(u.bmm(vh), result);
    }

    [Theory, InlineData(24, 40), InlineData(40, 24)]
    public void A_batch_gives_what_each_gives_alone(int rows, int columns)
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        var batch = randn(5, rows, columns);
        batch = batch / linalg.norm(batch, dims: [1, 2], keepdim: true);
        var together = NewtonSchulz.Orthogonalize(batch);
        for (var i = 0; i < 5; i++)
            TensorAssert.Close(NewtonSchulz.Orthogonalize(batch.narrow(0, i, 1)), together.narrow(0, i, 1), 1e-4);
        TensorAssert.Differs(together[0], together[1], 0.1);
    }

    [Fact]
    public void The_transposed_matrix_has_the_transposed_factor_and_zeros_stay_zero()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var x = randn(1, 20, 30);
        x = x / x.norm();
        TensorAssert.Close(NewtonSchulz.Orthogonalize(x).transpose(1, 2), NewtonSchulz.Orthogonalize(x.transpose(1, 2)), 1e-4);
        TensorAssert.SameBits(zeros(1, 4, 6), NewtonSchulz.Orthogonalize(zeros(1, 4, 6)), "zeros");
    }

    /// <summary>Singular values in the quintic's band, and the direction of U Vᵀ; both <c>[1, r, c]</c>.</summary>
    internal static void AssertPolarFactor(Tensor expected, Tensor actual)
    {
        var wide = actual.to_type(ScalarType.Float64);
        var (_, s, _) = Svd(wide);
        Assert.InRange(s.min().item<double>(), 0.6, 1.25);
        Assert.InRange(s.max().item<double>(), 0.6, 1.25);
        var cosine = ((wide * expected).sum() / (wide.norm() * expected.norm())).item<double>();
        Assert.True(cosine > 0.95, $"cosine {cosine:F3}");
    }

    /// <summary>In float64, <c>[1, r, s]</c>, <c>[1, s]</c> and <c>[1, s, c]</c>.</summary>
    internal static (Tensor U, Tensor S, Tensor Vh) Svd(Tensor x) => linalg.svd(x.to_type(ScalarType.Float64), fullMatrices: false);
}
