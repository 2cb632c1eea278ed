using InvFusion.Modules;
using InvFusion.Ops;
using InvFusion.Ops.Kernels;
using InvFusion.Runtime;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Ops;

/// <summary>Products with packed weights, and the blocks made of them, against the plain form; not run where the processor lacks the instructions.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public unsafe class PackedProductTests
{
    private const string Missing = "the processor has no AVX-512, or no bfloat16 in it";
    private const double Half = 2e-2; // bfloat16 has 8 bits
    private const double Single = 2e-6; // of sums in float32 of numbers that bfloat16 holds

    [Fact]
    public void Tiles_are_the_sums_of_products_and_write_nothing_else()
    {
        Assert.SkipUnless(ProductTile<Float32Lane>.IsSupported && ProductTile<Bfloat16Lane>.IsSupported, Missing);
        Tiles<Float32Lane>(ScalarType.Float32);
        Tiles<Bfloat16Lane>(ScalarType.BFloat16);
    }

    [Fact]
    public void Packed_weights_are_the_weights_in_another_order()
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        var weights = randn([96, 48]);
        var rounded = weights.to_type(ScalarType.BFloat16);
        var panels = rounded.view(3, 32, 24, 2).transpose(1, 2); // [panel, pair, output, 2]
        TensorAssert.SameBits(panels, PackedWeights.Pack(weights, ScalarType.BFloat16), "packed");
        // Sixteen values, then their gates.
        var gated = cat([rounded.narrow(0, 0, 48).view(3, 16, 24, 2), rounded.narrow(0, 48, 48).view(3, 16, 24, 2)], 1).transpose(1, 2);
        TensorAssert.SameBits(gated, PackedWeights.PackGated(weights, ScalarType.BFloat16), "packed with gates");
        TensorAssert.SameBits(
            weights.view(3, 32, 48, 1).transpose(1, 2),
            PackedWeights.Pack(weights, ScalarType.Float32),
            "packed in float32"
        );
        Assert.True(PackedWeights.Takes(48, 96));
        Assert.False(PackedWeights.Takes(48, 80));
        Assert.False(PackedWeights.Takes(40, 96));
    }

    [Theory, MemberData(nameof(Types))]
    public void Projections_are_those_of_norm_and_product(ScalarType type)
    {
        Assert.SkipUnless(ProductTile.Supports(type), Missing);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        manual_seed(3);
        foreach (var (rows, width, outputs) in ((int, int, int)[])[(1, 16, 32), (7, 48, 96), (64, 192, 768), (131, 80, 64)])
        foreach (var samples in (int[])[1, 2])
        {
            Tensor x = randn([samples, rows, width]) * 3,
                scale = randn([samples, width]),
                weights = randn([outputs, width]) / Math.Sqrt(width);
            var expected = nn.functional.linear(
                Rounded(RmsNorm.Apply(x, scale.unsqueeze(1), ScalarType.Float32), type),
                Rounded(weights, type)
            );
            var found = Twice(() => ProjectionKernel.Apply(x, scale, PackedWeights.Pack(weights, type)));
            TensorAssert.Close(expected, found, Tolerance(type));
            TensorAssert.Close(expected.to_type(type), found, Tolerance(type) / 2);
            Alone(found, i => ProjectionKernel.Apply(x.narrow(0, i, 1), scale.narrow(0, i, 1), PackedWeights.Pack(weights, type)));
        }
    }

    [Theory, MemberData(nameof(Types))]
    public void Merging_and_splitting_are_those_of_the_plain_form(ScalarType type)
    {
        Assert.SkipUnless(ProductTile.Supports(type), Missing);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        manual_seed(4);
        foreach (
            var (channels, patch, height, width) in ((int, int, int, int)[])
                [(6, 4, 3, 5), (32, 2, 1, 4), (3, 4, 8, 8), (48, 1, 5, 9), (4, 2, 7, 3)]
        )
        {
            var x = randn([2, height * patch, width * patch, channels]);
            using var merge = Loaded(new TokenMerge(channels, 64, patch));
            Both(() => merge.call(x, type), type);
            if (channels % 16 != 0)
                continue;
            using var split = Loaded(new TokenSplit(channels, 32));
            Tensor tokens = randn([2, height, width, channels]),
                skip = randn([2, 2 * height, 2 * width, 32]);
            Both(() => split.call(tokens, skip, type), type);
        }
    }

    public static TheoryData<int, int, int, int, ScalarType> Layers
    {
        get
        {
            // Tokens in whole blocks and not, one head and several, heads of one panel and of more.
            var cases = new TheoryData<int, int, int, int, ScalarType>();
            foreach (var type in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
            foreach (
                var (height, width, headWidth, heads) in ((int, int, int, int)[])
                    [(8, 8, 64, 2), (4, 8, 32, 1), (16, 6, 96, 2), (3, 5, 32, 3), (16, 16, 48, 2)]
            )
                cases.Add(height, width, headWidth, heads, type);
            return cases;
        }
    }

    [Theory, MemberData(nameof(Layers))]
    public void Layers_are_those_of_the_plain_form(int height, int width, int headWidth, int heads, ScalarType type)
    {
        Assert.SkipUnless(ProductTile.Supports(type), Missing);
        foreach (var kind in Enum.GetValues<JointKind>())
        foreach (var kernel in (int[])[0, 3])
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            manual_seed(5);
            var d = heads * headWidth;
            var shape = new LayerShape(d, headWidth, kernel, 3 * d, kind != JointKind.None, 1, 1, 6, 0);
            using var blocks = Loaded(new TransformerBlocks(shape));
            Tensor tokens = randn([2, height, width, d]),
                condition = randn([1, 6]); // for both samples: libtorch's product with two rows has other roundings
            var joint = new JointFeatures(kind, kind == JointKind.Given ? randn(tokens.shape) : null);
            var positions = AxialRope.Positions(height, width);
            var found = Both(() => blocks.Forward(tokens, positions, joint, Context(condition, type)), type, tokens);
            if (kernel == 0 && !PackedAttention.Takes(new(2, heads, headWidth, height, width, 0)))
                continue; // in bfloat16 libtorch's products, which are others in another batch
            Alone(
                found,
                i =>
                    blocks.Forward(
                        tokens.narrow(0, i, 1),
                        positions,
                        joint with
                        {
                            Tokens = joint.Tokens?.narrow(0, i, 1),
                        },
                        Context(condition, type)
                    )
            );
        }
    }

    [Fact]
    public void Who_asks_for_a_gradient_or_may_change_the_weights_gets_the_plain_form()
    {
        using var scope = NewDisposeScope();
        manual_seed(6);
        var shape = new LayerShape(64, 32, 0, 192, false, 1, 1, 6, 0);
        using var blocks = Loaded(new TransformerBlocks(shape));
        Tensor tokens = randn([1, 4, 8, 64]).requires_grad_(true),
            condition = randn([1, 6]);
        var positions = AxialRope.Positions(4, 8);
        blocks.Forward(tokens, positions, JointFeatures.None, Context(condition)).square().sum().backward();
        Assert.True(tokens.grad!.abs().sum().item<float>() > 0);
        // Weights that change between two calls count in the second.
        using var noGrad = no_grad();
        foreach (var parameter in blocks.parameters())
            parameter.requires_grad = true;
        var before = blocks.Forward(tokens, positions, JointFeatures.None, Context(condition));
        foreach (var parameter in blocks.parameters())
            parameter.add_(0.1);
        TensorAssert.Differs(before, blocks.Forward(tokens, positions, JointFeatures.None, Context(condition)), 1e-2);
    }

    [Theory, MemberData(nameof(Types))]
    public void Loaded_weights_of_whole_panels_are_packed_and_no_others(ScalarType type)
    {
        Assert.SkipUnless(ProductTile.Supports(type), Missing);
        using var scope = NewDisposeScope();
        using var loaded = Loaded(new Linear(48, 64));
        using var odd = Loaded(new Linear(48, 60));
        using var trained = new Linear(48, 64);
        Assert.True(loaded.Packs(type));
        Assert.False(loaded.Packs(ScalarType.Float64));
        Assert.False(odd.Packs(type));
        Assert.False(trained.Packs(type));
    }

    [Fact]
    public void A_network_can_go_from_one_type_to_the_other()
    {
        Assert.SkipUnless(ProductTile<Float32Lane>.IsSupported && ProductTile<Bfloat16Lane>.IsSupported, Missing);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        manual_seed(7);
        using var merge = Loaded(new TokenMerge(8, 64, 2));
        var x = randn([1, 4, 4, 8]);
        Tensor single = merge.call(x, ScalarType.Float32),
            half = merge.call(x, ScalarType.BFloat16);
        TensorAssert.Differs(single, half, 1e-4);
        TensorAssert.SameBits(single, merge.call(x, ScalarType.Float32), "float32 again");
    }

    public static TheoryData<ScalarType> Types => [ScalarType.Float32, ScalarType.BFloat16];

    private static double Tolerance(ScalarType type) => type == ScalarType.Float32 ? 2e-5 : Half;

    private static LayerContext Context(Tensor condition, ScalarType type = ScalarType.BFloat16) => new(condition, null, null, type);

    private static Tensor Rounded(Tensor x, ScalarType type) => x.to_type(type).to_type(ScalarType.Float32);

    private static T Loaded<T>(T module)
        where T : nn.Module =>
        Parameters.Loaded(
            () => module,
            m =>
            {
                using var noGrad = no_grad();
                foreach (var parameter in m.parameters())
                    parameter.copy_(randn(parameter.shape) * 0.15 + (parameter.dim() == 1 ? 1 : 0));
            }
        );

    // With one thread and with two: the same bits.
    private static Tensor Twice(Func<Tensor> compute)
    {
        var one = TorchThreads.Run(1, compute);
        var two = TorchThreads.Run(2, compute);
        TensorAssert.SameBits(one, two, "with two threads");
        return two;
    }

    // Libtorch's products give the same but for rounding; without is what both begin with.
    private static Tensor Both(Func<Tensor> compute, ScalarType type, Tensor? without = null)
    {
        var found = Twice(compute);
        FusedKernels.Enabled = FusedKernel.All & ~FusedKernel.Products;
        try
        {
            var other = compute();
            if (type == ScalarType.BFloat16)
                TensorAssert.Differs(found, other, 0); // another way was taken; in float32 it may add up in the same order
            TensorAssert.Close(without is null ? other : other - without, without is null ? found : found - without, Tolerance(type));
        }
        finally
        {
            FusedKernels.Enabled = FusedKernel.All;
        }
        return found;
    }

    private static void Alone(Tensor together, Func<long, Tensor> one)
    {
        for (var i = 0L; i < together.shape[0]; i++)
            TensorAssert.SameBits(together.narrow(0, i, 1), one(i), $"sample {i} alone");
    }

    private static void Tiles<T>(ScalarType type)
        where T : unmanaged, ILane<T>
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var depth = ProductTile<T>.Depth;
        foreach (var steps in (int[])[1, 2, 7, 96])
        foreach (var extra in (int[])[0, 6])
            for (var rows = 1; rows <= ProductTile.MostRows; rows++)
            {
                var (length, stride) = (depth * steps, depth * steps + extra);
                Tensor a = randn([rows, stride]).to_type(type),
                    b = randn([length, ProductTile.Columns]).to_type(type);
                var panel = b.view(steps, depth, ProductTile.Columns).transpose(1, 2).contiguous();
                var sums = full([rows + 1, ProductTile.Columns + 5], 7f); // rows further apart than they are long, and one behind them
                ProductTile<T>.Run(
                    rows,
                    (T*)TensorMemory.Address(a),
                    stride,
                    (T*)TensorMemory.Address(panel),
                    steps,
                    TensorMemory.Floats(sums),
                    ProductTile.Columns + 5
                );
                var expected = full_like(sums, 7f).to_type(ScalarType.Float64);
                expected
                    .narrow(0, 0, rows)
                    .narrow(1, 0, ProductTile.Columns)
                    .copy_(a.narrow(1, 0, length).to_type(ScalarType.Float64).mm(b.to_type(ScalarType.Float64)));
                TensorAssert.Close(expected, sums, Single);
            }
    }
}
