using InvFusion.Modules;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Modules;

[Collection(TorchTests.Collection), NoTensorLeaks]
public class LayerCheckpointsTests
{
    [Fact]
    public void Both_inputs_get_their_gradients_and_dropout_is_the_same_both_times()
    {
        using var scope = NewDisposeScope();
        var (x, c, positions, weights) = (randn(2, 5), randn(2, 5), randn(5), randn(2, 5));
        Tensor Layer(Tensor t, Tensor condition, Tensor p) => (nn.functional.dropout(t * condition, 0.5, training: true) + p).square();

        var (x1, c1) = (x.clone().requires_grad_(true), c.clone().requires_grad_(true));
        var out1 = new LayerCheckpoints(11).Run(Layer, x1, c1, positions);
        (out1 * weights).sum().backward();

        var (x2, c2) = (x.clone().requires_grad_(true), c.clone().requires_grad_(true));
        manual_seed(11);
        var out2 = Layer(x2, c2, positions);
        (out2 * weights).sum().backward();

        TensorAssert.SameBits(out2, out1, "output");
        TensorAssert.SameBits(x2.grad!, x1.grad!, "gradient of the tokens");
        TensorAssert.SameBits(c2.grad!, c1.grad!, "gradient of the condition");
    }

    [Fact]
    public void An_error_on_the_way_back_is_thrown_after_it()
    {
        using var scope = NewDisposeScope();
        var calls = 0;
        var checkpoints = new LayerCheckpoints(1);
        var x = randn(3).requires_grad_(true);
        var output = checkpoints.Run(
            (t, c, _) => calls++ == 0 ? t * c : throw new InvalidOperationException("second time"),
            x,
            ones(3),
            ones(3)
        );
        output.sum().backward();
        Assert.Equal("second time", Assert.Throws<InvalidOperationException>(checkpoints.ThrowIfFailed).Message);
    }
}
