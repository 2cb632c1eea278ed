using InvFusion.Ops;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Ops;

[Collection(TorchTests.Collection)]
public class NeighborhoodAttentionTests
{
    // One tile, tiles of one token (a prime side), several tiles, not square, and windows as large as the map.
    public static TheoryData<int, int, int, int> Shapes =>
        new()
        {
            { 3, 3, 3, 1 },
            { 7, 5, 5, 2 },
            { 9, 16, 7, 1 },
            { 17, 6, 3, 2 },
            { 24, 20, 7, 2 },
            { 20, 18, 5, 1 },
            { 32, 7, 7, 2 },
        };

    [Theory, MemberData(nameof(Shapes)), NoTensorLeaks]
    public void Tiles_give_what_the_definition_gives(int height, int width, int kernel, int groups)
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs(height, width, groups, ScalarType.Float32);
        var expected = NaiveAttention.Apply(q, k, v, height, width, kernel);
        TensorAssert.Close(expected, NeighborhoodAttention.Apply(q, k, v, height, width, kernel), 2e-6);
    }

    [Fact, NoTensorLeaks]
    public void Random_shapes_give_what_the_definition_gives()
    {
        var random = new Random(5);
        for (var i = 0; i < 12; i++)
        {
            using var scope = NewDisposeScope();
            var kernel = 3 + 2 * random.Next(3);
            int height = random.Next(kernel, 23),
                width = random.Next(kernel, 23),
                groups = 1 + random.Next(2);
            var (q, k, v) = Inputs(height, width, groups, ScalarType.Float32);
            var expected = NaiveAttention.Apply(q, k, v, height, width, kernel);
            TensorAssert.Close(expected, NeighborhoodAttention.Apply(q, k, v, height, width, kernel), 2e-6);
        }
    }

    [Theory, MemberData(nameof(Shapes)), NoTensorLeaks]
    public void Gradients_are_those_of_masked_dense_attention(int height, int width, int kernel, int groups)
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs(height, width, groups, ScalarType.Float64);
        Tensor[] leaves = [q, .. k, .. v];
        foreach (var leaf in leaves)
            leaf.requires_grad_(true);
        var w = randn(q.shape, ScalarType.Float64);
        (NeighborhoodAttention.Apply(q, k, v, height, width, kernel) * w).sum().backward();
        var tiled = leaves.Select(leaf => leaf.grad!.clone()).ToArray();
        foreach (var leaf in leaves)
            leaf.grad!.zero_();
        (GlobalAttention.Apply(q, cat(k, 2), cat(v, 2), NaiveAttention.Mask(height, width, kernel, groups)) * w).sum().backward();
        for (var i = 0; i < leaves.Length; i++)
            TensorAssert.Close(leaves[i].grad!, tiled[i], 1e-12);
        foreach (var leaf in leaves)
            leaf.grad!.Dispose();
    }

    [Theory, InlineData(4, 8, 5), InlineData(8, 4, 5), InlineData(8, 8, 4)]
    public void Windows_that_do_not_fit_are_refused(int height, int width, int kernel)
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs(height, width, 1, ScalarType.Float32);
        var error = Assert.Throws<ConfigurationException>(() => NeighborhoodAttention.Apply(q, k, v, height, width, kernel));
        Assert.Contains($"{kernel}×{kernel}", error.Message);
    }

    [Fact, NoTensorLeaks]
    public void The_kernel_of_global_attention_is_softmax_with_scale_one()
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs(3, 4, 1, ScalarType.Float64);
        var logits = einsum("bnqe,bnke->bnqk", q, k[0]);
        var expected = einsum("bnqk,bnke->bnqe", logits.softmax(-1), v[0]);
        TensorAssert.Close(expected, GlobalAttention.Apply(q, k[0], v[0]), 1e-12);
    }

    private static (Tensor Q, Tensor[] K, Tensor[] V) Inputs(int height, int width, int groups, ScalarType type)
    {
        manual_seed(height * 100 + width);
        Tensor Draw() => randn([2, 2, height * width, 8], type);
        return (Draw(), [.. Enumerable.Range(0, groups).Select(_ => Draw())], [.. Enumerable.Range(0, groups).Select(_ => Draw())]);
    }
}
