using InvFusion.Ops;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Ops;

[Collection(TorchTests.Collection), NoTensorLeaks]
public class NormTests
{
    [Fact]
    public void Cosine_similarity_does_not_see_lengths()
    {
        using var scope = NewDisposeScope();
        var (q, k, scale) = CosineInputs();
        var products = Products(q, k, scale);
        TensorAssert.Close(products, Products(q * 3, k * 7, scale), 1e-5);
        Assert.True((products.abs() <= scale.view(1, -1, 1, 1) * (1 + 1e-5)).all().item<bool>(), "|s·cos| exceeds s");
    }

    [Fact]
    public void A_vector_is_as_similar_to_itself_as_the_scale_of_its_head()
    {
        using var scope = NewDisposeScope();
        var (q, _, scale) = CosineInputs();
        var own = Products(q, q, scale).diagonal(0, -2, -1); // [B, n, L]
        TensorAssert.Close(scale.view(1, -1, 1).expand(own.shape), own, 1e-5);
    }

    [Theory, InlineData(0), InlineData(-3)]
    public void A_scale_at_or_below_zero_stays_finite(double value)
    {
        using var scope = NewDisposeScope();
        var (q, _, _) = CosineInputs();
        Assert.True(CosineSimilarity.Normalize(q, full([3], value)).isfinite().all().item<bool>());
    }

    [Fact]
    public void Zeros_stay_zeros_with_finite_gradients()
    {
        using var scope = NewDisposeScope();
        var x = zeros([1, 3, 2, 8]).requires_grad_(true);
        var y = CosineSimilarity.Normalize(x, ones(3)) + RmsNorm.Apply(x, ones(8), ScalarType.Float32);
        y.sum().backward();
        using var gradient = x.grad!;
        Assert.Equal(0, y.abs().max().item<float>());
        Assert.True(gradient.isfinite().all().item<bool>());
    }

    [Fact]
    public void Rms_norm_gives_the_scale_as_root_mean_square()
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        var x = randn([4, 5, 32], ScalarType.Float64) * 9;
        var y = RmsNorm.Apply(x, full([32], 2.5), ScalarType.Float64);
        TensorAssert.Close(full([4, 5], 2.5), y.square().mean([-1]).sqrt(), 1e-6);
        TensorAssert.Close(x * (y[0, 0, 0] / x[0, 0, 0]), y * (x.square().mean([-1], true) / x[0, 0].square().mean()).sqrt(), 1e-5);
    }

    [Fact]
    public void Rms_norm_has_the_right_gradients()
    {
        using var scope = NewDisposeScope();
        manual_seed(5);
        var (x, scale) = (randn([3, 4, 12], ScalarType.Float64), randn([12], ScalarType.Float64));
        TensorAssert.Gradient(t => RmsNorm.Apply(t, scale, ScalarType.Float64), x, 4e-3, 1e-3); // statistics are float32
        TensorAssert.Gradient(t => RmsNorm.Apply(x, t, ScalarType.Float64), scale, 4e-3, 1e-3);
    }

    [Fact]
    public void Cosine_similarity_has_the_right_gradients()
    {
        using var scope = NewDisposeScope();
        var (q, _, scale) = CosineInputs();
        var wide = q.to_type(ScalarType.Float64);
        TensorAssert.Gradient(t => CosineSimilarity.Normalize(t, scale), wide, 4e-3, 1e-3);
        TensorAssert.Gradient(
            t => CosineSimilarity.Normalize(wide, t.to_type(ScalarType.Float32)),
            scale.to_type(ScalarType.Float64),
            4e-3,
            1e-3
        );
    }

    private static Tensor Products(Tensor q, Tensor k, Tensor scale) =>
        einsum("bnqe,bnke->bnqk", CosineSimilarity.Normalize(q, scale), CosineSimilarity.Normalize(k, scale));

    private static (Tensor Q, Tensor K, Tensor Scale) CosineInputs()
    {
        manual_seed(3);
        return (randn([2, 3, 10, 8]), randn([2, 3, 10, 8]), rand([3]) * 10 + 1);
    }
}
