using InvFusion.Ops.Kernels;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Ops;

/// <summary>Global attention in training, one node of the graph around libtorch's products, against the plain form.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public class ProductAttentionTests
{
    private const double Single = 2e-6;
    private const double Half = 1e-2; // of bfloat16, two units in the last of 8 bits

    // Rows of whole vectors, of less than one and of some with a rest; few and many of them.
    public static TheoryData<int, int, int, int> Shapes =>
        new()
        {
            { 2, 64, 128, 64 },
            { 3, 5, 1, 8 },
            { 1, 1, 16, 8 },
            { 2, 9, 15, 24 },
            { 4, 33, 66, 16 },
            { 1, 300, 513, 32 },
        };

    [Theory, MemberData(nameof(Shapes))]
    public void Softmax_and_its_way_back_are_libtorchs(int items, int queries, int keys, int width)
    {
        _ = width;
        foreach (var (type, tolerance) in ((ScalarType, double)[])[(ScalarType.Float32, 1e-6), (ScalarType.BFloat16, 4e-3)])
        {
            using var scope = NewDisposeScope();
            manual_seed(1);
            var logits = (randn([items, queries, keys]) * 5).to_type(type);
            var slopes = randn([items, queries, keys]).to_type(type);
            var wide = logits.to_type(ScalarType.Float64).requires_grad_(true);
            var expected = wide.softmax(-1);
            SoftmaxKernel.Apply(logits);
            TensorAssert.Close(expected, logits, tolerance);
            (expected * slopes.to_type(ScalarType.Float64)).sum().backward();
            SoftmaxKernel.Back(logits, slopes);
            TensorAssert.Close(wide.grad!, slopes, 4 * tolerance); // of the rounded weights
        }
    }

    [Theory, MemberData(nameof(Shapes))]
    public void Outputs_and_gradients_are_those_of_the_plain_form(int items, int queries, int keys, int width)
    {
        foreach (var (type, tolerance) in ((ScalarType, double)[])[(ScalarType.Float32, Single), (ScalarType.BFloat16, Half)])
        {
            using var scope = NewDisposeScope();
            var inputs = Inputs(items, queries, keys, width, type);
            var fused = Run(inputs, ProductAttentionFunction.Apply);
            var plain = Run([.. inputs.Select(t => t.to_type(ScalarType.Float64))], Plain);
            foreach (var (expected, actual) in plain.Zip(fused))
            {
                Assert.Equal(type, actual.dtype);
                TensorAssert.Close(expected, actual, tolerance);
            }
        }
    }

    [Fact]
    public void A_gradient_may_lie_in_memory_as_it_likes()
    {
        using var scope = NewDisposeScope();
        var inputs = Inputs(4, 6, 10, 8, ScalarType.Float32);
        Tensor Turned(Func<Tensor, Tensor, Tensor, Tensor> f, Tensor[] t) =>
            f(t[0], t[1], t[2]).view(2, 2, 6, 8).transpose(1, 2).square().sum();
        Tensor Spread(Func<Tensor, Tensor, Tensor, Tensor> f, Tensor[] t) => f(t[0], t[1], t[2]).sum(); // one number, expanded
        foreach (var loss in (Func<Func<Tensor, Tensor, Tensor, Tensor>, Tensor[], Tensor>[])[Turned, Spread])
        {
            Tensor[] Gradients(Func<Tensor, Tensor, Tensor, Tensor> f)
            {
                var leaves = inputs.Select(t => t.clone().requires_grad_(true)).ToArray();
                loss(f, leaves).backward();
                return [.. leaves.Select(leaf => leaf.grad!)];
            }
            foreach (var (expected, actual) in Gradients(Plain).Zip(Gradients(ProductAttentionFunction.Apply)))
                TensorAssert.Close(expected, actual, Single);
        }
    }

    [Fact]
    public void Threads_do_not_change_the_result()
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        Tensor logits = randn([6, 70, 45]).to_type(ScalarType.BFloat16),
            slopes = randn([6, 70, 45]).to_type(ScalarType.BFloat16);
        (Tensor, Tensor) Computed()
        {
            Tensor p = logits.clone(),
                s = slopes.clone();
            SoftmaxKernel.Apply(p);
            SoftmaxKernel.Back(p, s);
            return (p, s);
        }
        var (one, oneBack) = TorchThreads.Run(1, Computed);
        var (two, twoBack) = TorchThreads.Run(2, Computed);
        TensorAssert.SameBits(one, two, "weights");
        TensorAssert.SameBits(oneBack, twoBack, "gradient");
    }

    [Fact]
    public void Steps_leave_neither_tensors_nor_memory_behind()
    {
        using var scope = NewDisposeScope();
        var inputs = Inputs(8, 256, 512, 32, ScalarType.BFloat16); // weights of 2 MB
        void Step()
        {
            using var inner = NewDisposeScope();
            Run(inputs, ProductAttentionFunction.Apply);
        }
        for (var i = 0; i < 10; i++)
            Step();
        var (before, memory) = (DisposeScopeManager.Statistics.ThreadTotalLiveCount, Environment.WorkingSet);
        for (var i = 0; i < 100; i++)
            Step();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.InRange(Environment.WorkingSet - memory, long.MinValue, 100 << 20);
    }

    private static Tensor Plain(Tensor q, Tensor k, Tensor v) => q.bmm(k.transpose(1, 2)).softmax(-1).bmm(v);

    // Queries and keys of one length, as after cosine normalisation.
    private static Tensor[] Inputs(int items, int queries, int keys, int width, ScalarType type)
    {
        manual_seed(3);
        Tensor Unit(int rows) => (nn.functional.normalize(randn([items, rows, width]), dim: -1) * 3).to_type(type);
        return [Unit(queries), Unit(keys), randn([items, keys, width]).to_type(type)];
    }

    // The output and the gradients of a weighted sum of it.
    private static Tensor[] Run(Tensor[] inputs, Func<Tensor, Tensor, Tensor, Tensor> attention)
    {
        using var generator = new Generator(9);
        var leaves = inputs.Select(t => t.clone().requires_grad_(true)).ToArray();
        var output = attention(leaves[0], leaves[1], leaves[2]);
        var weights = randn(output.shape, generator: generator).to_type(ScalarType.BFloat16).to_type(output.dtype);
        output.backward([weights]);
        return [output.detach(), .. leaves.Select(leaf => leaf.grad!)];
    }
}
