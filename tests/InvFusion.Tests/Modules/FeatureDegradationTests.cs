using InvFusion.Degradations;
using InvFusion.Modules;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Modules;

[Collection(TorchTests.Collection), NoTensorLeaks]
public class FeatureDegradationTests
{
    private static readonly ImageShape Shape = new(3, 8, 8);

    [Fact]
    public void The_layer_has_the_right_gradient_through_a_matrix()
    {
        using var scope = NewDisposeScope();
        using var layer = Layer();
        using var op = Matrix();
        var (tokens, y) = Inputs();
        TensorAssert.Gradient(t => layer.Forward(t, op, y, ScalarType.Float64), tokens, 1e-4, 1e-6);
        TensorAssert.Gradient(t => layer.Forward(tokens, op, t, ScalarType.Float64), y, 1e-4, 1e-6);
    }

    [Fact]
    public void Each_feature_image_is_measured_and_brought_back_by_itself()
    {
        using var scope = NewDisposeScope();
        using var layer = Layer();
        using var op = Matrix();
        var (tokens, y) = Inputs();
        var features = InvFusion.Ops.TokenLayout.ToFeatureImages(tokens, 4, 3); // [B, m, C, H, W]
        var weight = layer.named_parameters().Single(p => p.name == "deg_linear.weight").parameter.to_type(ScalarType.Float64);
        var bias = layer.named_parameters().Single(p => p.name == "deg_linear.bias").parameter.to_type(ScalarType.Float64);
        var images = new List<Tensor>();
        for (var output = 0; output < 2; output++)
        {
            var mixed = weight[output, 0] * y + bias[output];
            for (var m = 0; m < 2; m++)
                mixed = mixed + weight[output, 1 + m] * op.Apply(features.narrow(1, m, 1));
            images.Add(op.PseudoInverse(nn.functional.gelu(mixed)));
        }
        var expected = InvFusion.Ops.TokenLayout.ToTokens(cat(images, 1), 4);
        TensorAssert.Close(expected, layer.Forward(tokens, op, y, ScalarType.Float64), 1e-12);
    }

    private static FeatureDegradation Layer()
    {
        manual_seed(8);
        return new(width: 4 * 4 * 3 * 2, patch: 4, channels: 3);
    }

    private static MatrixOperator Matrix()
    {
        manual_seed(9);
        return new(Shape, randn(2, 10, Shape.Length));
    }

    private static (Tensor Tokens, Tensor Measurements) Inputs() =>
        (randn([2, 2, 2, 96], ScalarType.Float64), randn([2, 1, 10], ScalarType.Float64));
}
