using InvFusion.Modules;
using InvFusion.Ops;
using InvFusion.Ops.Kernels;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Ops;

/// <summary>The residual sum and its norm in training, against the plain form.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public class ResidualTests
{
    public static TheoryData<ScalarType, int, int> Sizes =>
        new(
            from type in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16]
            from width in (int[])[1, 7, 16, 31, 96, 100]
            from scales in (int[])[1, 3]
            select (type, width, scales)
        );

    [Theory, MemberData(nameof(Sizes))]
    public void Sums_norms_and_gradients_are_those_of_the_plain_form(ScalarType type, int width, int scales)
    {
        using var scope = NewDisposeScope();
        var inputs = Inputs(type, width, scales);
        var fused = Run(inputs, ResidualNormFunction.Apply);
        var plain = Run(
            inputs,
            (x, delta, scale) =>
            {
                var sum = x + delta;
                return (sum, Plain(() => RmsNorm.Apply(sum, scale.view(scales, 1, 1, width), type)));
            }
        );
        foreach (var (expected, actual) in plain.Zip(fused))
        {
            Assert.Equal(expected.dtype, actual.dtype);
            TensorAssert.Close(expected, actual, type == ScalarType.Float32 ? 3e-6 : 1e-2); // the plain form rounds more often
        }
    }

    [Theory, InlineData(ScalarType.Float32), InlineData(ScalarType.BFloat16)]
    public void A_sum_alone_is_that_of_the_plain_form_to_the_bit(ScalarType type)
    {
        using var scope = NewDisposeScope();
        foreach (var width in (int[])[1, 17, 3000])
        {
            var inputs = Inputs(type, width, 1);
            var fused = Run(inputs, (x, delta, _) => (ResidualFunction.Apply(x, delta), null));
            var plain = Run(inputs, (x, delta, _) => (x + delta, null));
            foreach (var (expected, actual) in plain.Zip(fused))
                TensorAssert.SameBits(expected, actual, $"{width}");
        }
    }

    [Fact]
    public void Gradients_may_lie_in_memory_as_they_like()
    {
        using var scope = NewDisposeScope();
        var inputs = Inputs(ScalarType.BFloat16, 24, 3);
        Tensor[] Gradients(Func<Tensor, Tensor, Tensor, (Tensor, Tensor)> f)
        {
            var leaves = Leaves(inputs);
            var (sum, norm) = f(leaves[0], leaves[1], leaves[2]);
            (sum.sum() + norm.transpose(1, 2).to_type(ScalarType.Float32).square().sum()).backward();
            return [.. leaves.Select(leaf => leaf.grad!)];
        }
        var fused = Gradients(ResidualNormFunction.Apply);
        var plain = Gradients((x, delta, scale) => (x + delta, RmsNorm.Apply(x + delta, scale.view(3, 1, 1, 24), ScalarType.BFloat16)));
        foreach (var (expected, actual) in plain.Zip(fused))
            TensorAssert.Close(expected, actual, 1e-2);
    }

    [Fact]
    public void Threads_do_not_change_the_result()
    {
        using var scope = NewDisposeScope();
        var inputs = Inputs(ScalarType.BFloat16, 48, 3);
        var one = TorchThreads.Run(1, () => Run(inputs, ResidualNormFunction.Apply));
        var two = TorchThreads.Run(2, () => Run(inputs, ResidualNormFunction.Apply));
        for (var i = 0; i < one.Length; i++)
            TensorAssert.SameBits(one[i], two[i], $"number {i}");
    }

    [Fact]
    public void Steps_leave_neither_tensors_nor_memory_behind()
    {
        using var scope = NewDisposeScope();
        var inputs = Inputs(ScalarType.BFloat16, 3000, 1); // sums of 720 kB
        void Step()
        {
            using var inner = NewDisposeScope();
            Run(inputs, ResidualNormFunction.Apply);
            Run(inputs, (x, delta, _) => (ResidualFunction.Apply(x, delta), null));
        }
        for (var i = 0; i < 20; i++)
            Step();
        var (before, memory) = (DisposeScopeManager.Statistics.ThreadTotalLiveCount, Environment.WorkingSet);
        for (var i = 0; i < 300; i++)
            Step();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.InRange(Environment.WorkingSet - memory, long.MinValue, 100 << 20);
    }

    [Theory, InlineData(0, JointKind.Given), InlineData(3, JointKind.Given), InlineData(0, JointKind.Zero), InlineData(3, JointKind.None)]
    public void Blocks_in_training_are_those_of_the_plain_form(int kernel, JointKind kind)
    {
        using var scope = NewDisposeScope();
        var plain = Plain(() => Layer(kernel, kind, ScalarType.Float32));
        foreach (var (expected, actual) in plain.Zip(Layer(kernel, kind, ScalarType.Float32)))
            Assert.InRange(Distance(expected, actual), 0, 2e-5);
        // bfloat16 is far from float32 in either form: ours may not be further than libtorch's.
        var plainHalf = Plain(() => Layer(kernel, kind, ScalarType.BFloat16));
        var fusedHalf = Layer(kernel, kind, ScalarType.BFloat16);
        for (var i = 0; i < plain.Length; i++)
            Assert.InRange(Distance(plain[i], fusedHalf[i]), 0, 2 * Distance(plain[i], plainHalf[i]) + 2e-2);
    }

    private static double Distance(Tensor expected, Tensor actual) =>
        ((actual - expected).abs().max() / expected.abs().max().clamp_min(1e-6)).item<float>();

    // Output and gradients of the two blocks of a layer, which draw no dropout.
    private static Tensor[] Layer(int kernel, JointKind kind, ScalarType type)
    {
        manual_seed(5);
        using var blocks = new TransformerBlocks(new(32, 16, kernel, 48, kind != JointKind.None, 2, 2, 6, 0));
        var weights = blocks.parameters().ToArray();
        using (no_grad())
            foreach (var weight in weights)
                weight.add_(randn(weight.shape) * 0.2);
        Tensor tokens = randn([2, 5, 4, 32]).requires_grad_(true),
            condition = randn([2, 6]).requires_grad_(true),
            features = randn([2, 5, 4, 32]).requires_grad_(true);
        var joint = new JointFeatures(kind, kind == JointKind.Given ? features.to_type(type) : null);
        var output = blocks.Forward(tokens, AxialRope.Positions(5, 4), joint, new(condition, null, null, type));
        (output * randn(output.shape)).sum().backward();
        Tensor[] leaves = [tokens, condition, features, .. weights];
        return [output.detach(), .. leaves.Select(leaf => leaf.grad?.clone() ?? zeros_like(leaf))];
    }

    private static T Plain<T>(Func<T> compute)
    {
        FusedKernels.Enabled = FusedKernel.None;
        try
        {
            return compute();
        }
        finally
        {
            FusedKernels.Enabled = FusedKernel.All;
        }
    }

    // x, delta and scale.
    private static Tensor[] Inputs(ScalarType type, int width, int scales)
    {
        manual_seed(7);
        return [randn([3, 5, 4, width]) * 2, randn([3, 5, 4, width]).to_type(type), randn([scales, width])];
    }

    private static Tensor[] Leaves(Tensor[] inputs) => [.. inputs.Select(t => t.clone().requires_grad_(true))];

    // What the function gives, and the gradients of a weighted sum of it.
    private static Tensor[] Run(Tensor[] inputs, Func<Tensor, Tensor, Tensor, (Tensor, Tensor?)> function)
    {
        using var generator = new Generator(9);
        var leaves = Leaves(inputs);
        var (sum, norm) = function(leaves[0], leaves[1], leaves[2]);
        Tensor Weighted(Tensor x) => (x.to_type(ScalarType.Float32) * randn(x.shape, generator: generator)).sum();
        var loss = Weighted(sum);
        (norm is null ? loss : loss + Weighted(norm)).backward();
        Tensor[] results = norm is null ? [sum.detach()] : [sum.detach(), norm.detach()];
        return [.. results, .. leaves.Where(leaf => leaf.grad is not null).Select(leaf => leaf.grad!)];
    }
}
