using InvFusion.Degradations;
using InvFusion.Modules;
using InvFusion.Ops;
using InvFusion.Ops.Kernels;
using InvFusion.Runtime;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Models;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Ops;

/// <summary>Every fused kernel against the plain form, over random shapes, odd sizes and borders.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public class FusedKernelTests
{
    private const double Single = 3e-6;
    private const double Half = 2e-2; // bfloat16 has 8 bits, and the plain form rounds more often

    [Theory, InlineData(ScalarType.Float32, Single), InlineData(ScalarType.BFloat16, Half)]
    public void Norms_are_those_of_the_plain_form(ScalarType type, double tolerance)
    {
        manual_seed(1);
        foreach (var width in (int[])[1, 7, 16, 31, 48, 100, 384])
        foreach (var scales in (int[])[1, 3])
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            var x = randn([3, 5, 4, width]) * 3;
            var scale = randn([scales, width]);
            Both(() => RmsNorm.Apply(x, scale.view(scales, 1, 1, width), type), tolerance);
            var half = x.to_type(ScalarType.BFloat16); // as degraded features are in training
            Both(() => RmsNorm.Apply(half, scale.view(scales, 1, 1, width), type), tolerance);
            var delta = randn(x.shape).to_type(type);
            var (sum, normalized) = RmsNormKernel.AddThenApply(x, delta, scale, type);
            TensorAssert.Close(x + delta, sum, 1e-7);
            TensorAssert.Close(RmsNorm.Apply(x + delta, scale.view(scales, 1, 1, width), type), normalized, 1e-7);
            ResidualKernel.Add(x, delta);
            TensorAssert.Close(sum, x, 0);
        }
    }

    [Theory, InlineData(ScalarType.Float32, Single), InlineData(ScalarType.BFloat16, Half)]
    public void Gated_units_are_those_of_the_plain_form(ScalarType type, double tolerance)
    {
        manual_seed(2);
        foreach (var width in (int[])[2, 30, 64, 150])
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            var x = (randn([9, 5, width]) * 4).to_type(type);
            Both(() => Geglu.Apply(x), tolerance);
        }
    }

    [Fact]
    public void Exponentials_and_gelu_hold_at_the_ends_of_the_range()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var gate = tensor([float.NegativeInfinity, -1e30f, -90f, -88f, -14f, -5f, -1e-8f, 0, 1e-8f, 5f, 14f, 90f, 1e30f, float.NaN]);
        var x = cat([ones(gate.shape), gate]).unsqueeze(0);
        var fused = Geglu.Apply(x)[0];
        FusedKernels.Enabled = FusedKernel.None;
        try
        {
            var plain = Geglu.Apply(x)[0];
            Assert.Equal(double.IsNaN(plain[13].item<float>()), double.IsNaN(fused[13].item<float>()));
            TensorAssert.Close(plain.narrow(0, 1, 12), fused.narrow(0, 1, 12), 3e-7);
        }
        finally
        {
            FusedKernels.Enabled = FusedKernel.All;
        }
    }

    // Heads of whole vectors and of less, one tile and many, windows at every border, wider than a vector, as large as the map.
    public static TheoryData<int, int, int, int, int> Attentions =>
        new()
        {
            { 8, 8, 64, 2, 0 },
            { 5, 7, 32, 1, 0 },
            { 1, 1, 8, 1, 0 },
            { 6, 11, 24, 3, 0 },
            { 16, 16, 48, 1, 0 },
            { 9, 9, 128, 1, 0 },
            { 7, 7, 64, 1, 7 },
            { 9, 13, 32, 2, 3 },
            { 20, 17, 16, 2, 5 },
            { 32, 9, 64, 1, 9 },
            { 12, 33, 40, 1, 11 },
            { 21, 40, 8, 2, 19 },
            { 16, 16, 96, 1, 1 },
        };

    [Theory, MemberData(nameof(Attentions))]
    public void Attention_blocks_are_those_of_the_plain_form(int height, int width, int headWidth, int heads, int kernel)
    {
        foreach (var kind in Enum.GetValues<JointKind>())
        foreach (var (type, tolerance) in ((ScalarType, double)[])[(ScalarType.Float32, 1e-5), (ScalarType.BFloat16, 3e-2)])
        foreach (var threads in (int[])[1, 2])
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            manual_seed(3);
            var d = heads * headWidth;
            using var block = new SelfAttentionBlock(d, headWidth, kernel, 6, joint: kind != JointKind.None, dropout: 0);
            foreach (var parameter in block.parameters())
                parameter.add_(randn(parameter.shape) * 0.2);
            block.eval();
            Tensor tokens = randn([2, height, width, d]),
                condition = randn([2, 6]);
            var joint = new JointFeatures(kind, kind == JointKind.Given ? randn(tokens.shape) : null);
            var positions = AxialRope.Positions(height, width);
            using var inUse = new TorchThreads(threads);
            try
            {
                Assert.True(block.CanFuse(tokens));
                var fused = tokens + block.Fused(tokens, positions, condition, joint, type);
                FusedKernels.Enabled = FusedKernel.None;
                TensorAssert.Close(block.Forward(tokens, positions, condition, joint, ScalarType.Float32), fused, tolerance);
            }
            finally
            {
                FusedKernels.Enabled = FusedKernel.All;
            }
        }
    }

    [Fact]
    public void Gradients_are_those_of_the_plain_form()
    {
        foreach (var kind in Enum.GetValues<JointKind>())
        foreach (var (headWidth, heads) in ((int, int)[])[(64, 2), (24, 3), (8, 1)])
        {
            using var scope = NewDisposeScope();
            var plain = LossGradients(kind, headWidth, heads, ScalarType.Float32, FusedKernel.None);
            var fused = LossGradients(kind, headWidth, heads, ScalarType.Float32, FusedKernel.All);
            foreach (var (one, other) in plain.Zip(fused))
                Assert.True(Distance(one, other) < 2e-5, $"{kind}, {heads} heads of {headWidth}: {Distance(one, other):G3}");
            // bfloat16 is far from float32 in either form: ours may not be further than libtorch's.
            var plainHalf = LossGradients(kind, headWidth, heads, ScalarType.BFloat16, FusedKernel.None);
            var fusedHalf = LossGradients(kind, headWidth, heads, ScalarType.BFloat16, FusedKernel.All);
            for (var i = 0; i < plain.Length; i++)
            {
                var (ours, theirs) = (Distance(plain[i], fusedHalf[i]), Distance(plain[i], plainHalf[i]));
                Assert.True(ours < 2 * theirs + 2e-2, $"{kind}, {heads} heads of {headWidth}, number {i}: {ours:G3}, libtorch {theirs:G3}");
            }
        }
    }

    // The output of an attention and a feed-forward block, and the gradients of a loss with respect to every input and weight.
    private static Tensor[] LossGradients(JointKind kind, int headWidth, int heads, ScalarType type, FusedKernel kernels)
    {
        manual_seed(5);
        var d = heads * headWidth;
        using var block = new SelfAttentionBlock(d, headWidth, 0, 6, joint: kind != JointKind.None, dropout: 0);
        using var feedForward = new FeedForwardBlock(d, 3 * d, 6, dropout: 0);
        var weights = block.parameters().Concat(feedForward.parameters()).ToArray();
        using (no_grad())
            foreach (var weight in weights)
                weight.add_(randn(weight.shape) * 0.2);
        Tensor tokens = randn([2, 5, 3, d]).requires_grad_(true),
            condition = randn([2, 6]).requires_grad_(true),
            features = randn([2, 5, 3, d]).requires_grad_(true);
        var joint = new JointFeatures(kind, kind == JointKind.Given ? features.to_type(type) : null);
        FusedKernels.Enabled = kernels;
        try
        {
            var attended = block.Forward(tokens, AxialRope.Positions(5, 3), condition, joint, type);
            (feedForward.call(attended, condition, type) * randn(tokens.shape)).sum().backward();
            Tensor[] leaves = [tokens, condition, features, .. weights];
            return [attended.detach(), .. leaves.Select(leaf => leaf.grad?.clone() ?? zeros_like(leaf))];
        }
        finally
        {
            FusedKernels.Enabled = FusedKernel.All;
        }
    }

    private static double Distance(Tensor expected, Tensor actual) =>
        ((actual - expected).abs().max() / expected.abs().max().clamp_min(1e-6)).item<float>();

    [Fact]
    public void Windows_that_do_not_fit_are_left_to_the_plain_form()
    {
        using var block = new SelfAttentionBlock(16, 8, 7, 6, joint: false, dropout: 0);
        using Tensor small = zeros(1, 6, 9, 16),
            large = zeros(1, 7, 9, 16);
        using var noGrad = no_grad();
        Assert.False(block.CanFuse(small));
        Assert.True(block.CanFuse(large));
    }

    [Theory, InlineData(1, 2, 1), InlineData(3, 2, 5), InlineData(3, 4, 8), InlineData(1, 1, 33), InlineData(4, 2, 3)]
    public void Masked_features_are_those_of_the_plain_form(int channels, int patch, int features)
    {
        foreach (var shared in (bool[])[false, true])
        foreach (var maskChannels in new[] { 1, channels }.Distinct())
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            manual_seed(4);
            const int Rows = 3,
                Columns = 5;
            var image = new ImageShape(channels, Rows * patch, Columns * patch);
            using var op = new MaskOperator(image, rand([shared ? 1 : 2, maskChannels, image.Height, image.Width]).gt(0.6));
            using var layer = new FeatureDegradation(patch * patch * features * channels, patch, channels);
            var tokens = randn([2, Rows, Columns, patch * patch * features * channels]);
            var y = op.Apply(randn([2, 1, channels, image.Height, image.Width]));
            Both(() => layer.Forward(tokens, op, y, ScalarType.Float32), Single);
        }
    }

    public static TheoryData<FusedKernel> Each => [.. Enum.GetValues<FusedKernel>()];

    [Theory, MemberData(nameof(Each))]
    public void A_network_gives_the_same_with_each_kernel_alone(FusedKernel kernels)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        network.eval();
        var (x, sigma, known) = TestNetworks.Inputs(batch: 3);
        using var op = known.Operator;
        FusedKernels.Enabled = FusedKernel.None;
        try
        {
            var plain = network.Denoise(x, sigma, known);
            FusedKernels.Enabled = kernels;
            TensorAssert.Close(plain, network.Denoise(x, sigma, known), 1e-5);
        }
        finally
        {
            FusedKernels.Enabled = FusedKernel.All;
        }
    }

    [Fact]
    public void The_network_is_given_back_what_a_kernel_throws()
    {
        var work = new Failing();
        var error = Assert.Throws<InvalidOperationException>(() => CpuTeam.For(100, 1, work));
        Assert.Equal("item 7", error.Message);
    }

    private readonly struct Failing : IRangeWork
    {
        public void Run(int start, int end)
        {
            if (start <= 7 && 7 < end)
                throw new InvalidOperationException("item 7");
        }
    }

    private static void Both(Func<Tensor> compute, double tolerance)
    {
        var fused = compute();
        FusedKernels.Enabled = FusedKernel.None;
        try
        {
            TensorAssert.Close(compute(), fused, tolerance);
        }
        finally
        {
            FusedKernels.Enabled = FusedKernel.All;
        }
    }
}
