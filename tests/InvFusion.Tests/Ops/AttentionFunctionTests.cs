using InvFusion.Ops;
using InvFusion.Ops.Kernels;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Ops;

/// <summary>Attention over windows in training, one node of the graph, against the plain form and against differences.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public class AttentionFunctionTests
{
    private const double Single = 2e-5;
    private const double Half = 8e-3; // the results are rounded to bfloat16, two units in the last of 8 bits

    // Windows at every border and as large as the map; one tile, part of a tile and many; heads of whole vectors and of less, and of more than fit in registers.
    public static TheoryData<int, int, int, int, int> Shapes =>
        new()
        {
            { 16, 16, 32, 3, 7 },
            { 7, 7, 64, 1, 7 },
            { 3, 4, 8, 2, 3 },
            { 5, 3, 16, 1, 1 },
            { 9, 13, 32, 2, 3 },
            { 20, 17, 16, 2, 5 },
            { 12, 33, 40, 1, 11 },
            { 10, 21, 24, 2, 7 },
            { 8, 11, 112, 1, 5 },
            { 3, 5, 480, 1, 3 },
            { 21, 40, 8, 1, 19 },
            { 6, 7, 32, 2, 0 },
        };

    [Theory, MemberData(nameof(Shapes))]
    public void Outputs_and_gradients_are_those_of_the_plain_form(int height, int width, int headWidth, int heads, int kernel)
    {
        var shape = new AttentionShape(2, heads, headWidth, height, width, kernel);
        foreach (var groups in Enum.GetValues<Groups>())
            Compare(shape, groups, seed: 1);
    }

    [Fact]
    public void Random_shapes_give_what_the_plain_form_gives()
    {
        var random = new Random(11);
        for (var i = 0; i < 12; i++)
        {
            var kernel = 3 + 2 * random.Next(3);
            int height = random.Next(kernel, 23),
                width = random.Next(kernel, 23),
                headWidth = 8 * random.Next(1, 11);
            Compare(new(1 + random.Next(2), 1 + random.Next(3), headWidth, height, width, kernel), (Groups)random.Next(3), seed: i);
        }
    }

    [Theory, InlineData(9, 12, 24, 5), InlineData(7, 7, 32, 7)]
    public void Gradients_are_those_of_central_differences(int height, int width, int headWidth, int kernel)
    {
        using var scope = NewDisposeScope();
        var shape = new AttentionShape(1, 2, headWidth, height, width, kernel);
        var rope = Rope(shape);
        var inputs = Inputs(shape, Groups.Features, ScalarType.Float64, seed: 3);
        for (var i = 0; i < inputs.Length; i++)
        {
            var which = i;
            TensorAssert.Gradient(
                x =>
                {
                    var used = inputs.Select((own, j) => (j == which ? x : own).to_type(ScalarType.Float32)).ToArray();
                    return AttentionFunction.Apply(used[0], used[2], used[1], shape, rope);
                },
                inputs[i],
                step: 1e-2,
                tolerance: 1e-3
            );
        }
    }

    [Fact]
    public void A_head_at_the_smallest_scale_has_no_gradient_of_it()
    {
        using var scope = NewDisposeScope();
        var shape = new AttentionShape(1, 2, 16, 5, 6, 3);
        var inputs = Inputs(shape, Groups.Ordinary, ScalarType.Float32, seed: 4);
        inputs[1][0] = -1;
        var (_, gradients) = Fused(inputs, shape);
        Assert.Equal(0, gradients[1][0].item<float>());
        Assert.NotEqual(0, gradients[1][1].item<float>());
    }

    [Fact]
    public void Threads_do_not_change_the_result()
    {
        using var scope = NewDisposeScope();
        var shape = new AttentionShape(3, 2, 24, 9, 10, 5);
        var inputs = Inputs(shape, Groups.Features, ScalarType.BFloat16, seed: 5);
        var one = TorchThreads.Run(1, () => Fused(inputs, shape));
        var two = TorchThreads.Run(2, () => Fused(inputs, shape));
        TensorAssert.SameBits(one.Output, two.Output, "output");
        for (var i = 0; i < inputs.Length; i++)
            TensorAssert.SameBits(one.Gradients[i], two.Gradients[i], $"gradient {i}");
    }

    [Fact]
    public void Steps_leave_no_tensors_behind()
    {
        using var scope = NewDisposeScope();
        var shape = new AttentionShape(1, 2, 16, 6, 7, 3);
        var inputs = Inputs(shape, Groups.Features, ScalarType.BFloat16, seed: 6);
        void Step()
        {
            using var inner = NewDisposeScope();
            Fused(inputs, shape);
        }
        Step();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 20; i++)
            Step();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    private static void Compare(AttentionShape shape, Groups groups, int seed)
    {
        foreach (var (type, tolerance) in ((ScalarType, double)[])[(ScalarType.Float32, Single), (ScalarType.BFloat16, Half)])
        {
            using var scope = NewDisposeScope();
            var inputs = Inputs(shape, groups, type, seed);
            var (output, gradients) = Fused(inputs, shape);
            var (expected, wanted) = Plain(inputs, shape);
            Near(expected, output, tolerance, $"{shape}, {groups}, {type}: output");
            for (var i = 0; i < inputs.Length; i++)
                Near(wanted[i], gradients[i], tolerance, $"{shape}, {groups}, {type}: gradient {i}");
        }
    }

    private static void Near(Tensor expected, Tensor actual, double tolerance, string name)
    {
        Assert.Equal(expected.shape, actual.shape);
        var error = (expected - actual.to_type(ScalarType.Float64)).abs().max().item<double>();
        var size = Math.Max(0.1, expected.abs().max().item<double>());
        Assert.True(error <= tolerance * size, $"{name}: error {error:G3} of {size:G3}");
    }

    // fromTokens, scale and, where the extra keys have them, fromFeatures.
    private static Tensor[] Inputs(AttentionShape shape, Groups groups, ScalarType type, int seed)
    {
        manual_seed(seed);
        var d = shape.Heads * shape.HeadWidth;
        Tensor Draw(int parts) => randn([shape.Batch, shape.Height, shape.Width, parts * d]).to_type(type);
        var scale = (3 + rand([shape.Heads]) * 8).to_type(type == ScalarType.Float64 ? type : ScalarType.Float32);
        var tokens = Draw(groups == Groups.Ordinary ? 3 : 4);
        return groups == Groups.Features ? [tokens, scale, Draw(2)] : [tokens, scale];
    }

    private static (Tensor Output, Tensor[] Gradients) Fused(Tensor[] inputs, AttentionShape shape)
    {
        var leaves = inputs.Select(t => t.clone().requires_grad_(true)).ToArray();
        var output = AttentionFunction.Apply(leaves[0], leaves.ElementAtOrDefault(2), leaves[1], shape, Rope(shape));
        return (output.detach(), Back(output, leaves));
    }

    // In float64, from the same numbers.
    private static (Tensor Output, Tensor[] Gradients) Plain(Tensor[] inputs, AttentionShape shape)
    {
        var leaves = inputs.Select(t => t.to_type(ScalarType.Float64).detach().clone().requires_grad_(true)).ToArray();
        var tokens = leaves[0].chunk(leaves[0].shape[^1] / (shape.Heads * shape.HeadWidth), -1);
        var table = Table(shape);
        Tensor Heads(Tensor x) => x.reshape(shape.Batch, shape.Length, shape.Heads, shape.HeadWidth).transpose(1, 2);
        Tensor Turned(Tensor x) => AxialRope.Rotate(CosineSimilarity.Normalize(Heads(x), leaves[1]), table);
        List<Tensor> keys = [Turned(tokens[1])],
            values = [Heads(tokens[2])];
        if (tokens.Length == 4)
        {
            var features = leaves.ElementAtOrDefault(2)?.chunk(2, -1);
            keys.Add(Turned(features is null ? tokens[3] : tokens[3] + features[0]));
            values.Add(features is null ? zeros_like(values[0]) : Heads(features[1]));
        }
        var q = Turned(tokens[0]);
        var attended =
            shape.Kernel == 0
                ? GlobalAttention.Apply(q, cat(keys, 2), cat(values, 2))
                : NeighborhoodAttention.Apply(q, keys, values, shape.Height, shape.Width, shape.Kernel);
        var output = attended.transpose(1, 2).reshape(shape.Batch, shape.Height, shape.Width, -1);
        return (output.detach(), Back(output, leaves));
    }

    private static Tensor[] Back(Tensor output, Tensor[] leaves)
    {
        using var generator = new Generator(9);
        var weights = randn(output.shape, generator: generator).to_type(ScalarType.BFloat16); // the same numbers in every type
        (output * weights.to_type(output.dtype)).sum(output.dtype == ScalarType.BFloat16 ? ScalarType.Float32 : output.dtype).backward();
        return [.. leaves.Select(leaf => leaf.grad!.clone())];
    }

    private static RopeTable Rope(AttentionShape shape)
    {
        using var scope = NewDisposeScope();
        return new(AxialRope.Positions(shape.Height, shape.Width), AxialRope.Frequencies(shape.Heads, shape.HeadWidth));
    }

    private static (Tensor, Tensor) Table(AttentionShape shape) =>
        AxialRope.Table(
            AxialRope.Positions(shape.Height, shape.Width),
            AxialRope.Frequencies(shape.Heads, shape.HeadWidth),
            ScalarType.Float64
        );

    private enum Groups
    {
        Ordinary,
        ExtraKeys,
        Features,
    }
}
