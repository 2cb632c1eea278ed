using InvFusion.Degradations;
using InvFusion.Models;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Models;

[Collection(TorchTests.Collection), NoTensorLeaks]
public class NetworkBehaviourTests
{
    [Theory]
    [InlineData(NetworkKind.InvFusion, 0, 0)]
    [InlineData(NetworkKind.Blind, 0, 0)]
    [InlineData(NetworkKind.Unconditional, 0, 0)]
    [InlineData(NetworkKind.InvFusion, 5, 0)]
    [InlineData(NetworkKind.Blind, 0, 3)]
    public void Each_kind_gives_an_image_and_its_directions(NetworkKind kind, int classes, int directions)
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(
            TestNetworks.Configuration with
            {
                Kind = kind,
                Classes = classes,
                Directions = directions,
            }
        );
        var (x, sigma, known) = TestNetworks.Inputs(2);
        using var op = known.Operator;
        var output = Denoise(network, x, sigma, known);
        Assert.Equal([2, 3 * (1 + directions), 16, 16], output.shape);
        Assert.True(output.isfinite().all().item<bool>());
        using (no_grad())
            TensorAssert.Close(output.narrow(1, 0, 3), new NetworkDenoiser(network, known).Denoise(x, sigma), 0);
        Assert.Equal([2, 1, 1, 1], network.LogVariance(sigma).shape);
        Assert.Equal([2, 3 * (1 + directions), 32, 16], Denoise(network, randn(2, 3, 32, 16), sigma, Conditioning.None).shape);
    }

    [
        Theory,
        InlineData(NetworkKind.InvFusion, true, true),
        InlineData(NetworkKind.Blind, true, false),
        InlineData(NetworkKind.Unconditional, false, false)
    ]
    public void Each_kind_sees_what_it_is_told_and_no_more(NetworkKind kind, bool seesMeasurement, bool seesOperator)
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration with { Kind = kind });
        var (x, sigma, known) = TestNetworks.Inputs(2);
        using var op = known.Operator!;
        // Twice the operator and twice the measurement have the same H⁺y: only a network that looks at H itself can tell.
        using var twice = new MatrixOperator(TestNetworks.Shape, ((MatrixOperator)op).Matrix * 2);
        var output = Denoise(network, x, sigma, known);
        Sees(seesMeasurement, Denoise(network, x, sigma, known with { Measurements = known.Measurements! * -1 }));
        Sees(seesOperator, Denoise(network, x, sigma, new(twice, known.Measurements! * 2)));

        void Sees(bool expected, Tensor other)
        {
            if (expected)
                TensorAssert.Differs(output, other, 1e-3);
            else
                TensorAssert.Close(output, other, 1e-5);
        }
    }

    [Fact]
    public void The_class_matters_and_none_is_the_number_behind_the_last()
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration with { Classes = 4 });
        var (x, sigma, known) = TestNetworks.Inputs(2);
        using var op = known.Operator;
        Tensor Of(params long[] labels) => Denoise(network, x, sigma, known with { ClassLabels = tensor(labels) });
        TensorAssert.Close(Denoise(network, x, sigma, known), Of(4, 4), 0);
        TensorAssert.Differs(Of(4, 4), Of(0, 4), 1e-3);
        TensorAssert.Close(Of(4, 4)[1], Of(0, 4)[1], 1e-5);
    }

    [Theory, InlineData(NetworkKind.InvFusion), InlineData(NetworkKind.Blind)]
    public void A_sample_does_not_depend_on_its_batch(NetworkKind kind)
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration with { Kind = kind });
        var (x, sigma, known) = TestNetworks.Inputs(5);
        using var op = known.Operator!;
        var together = Denoise(network, x, sigma, known);
        foreach (var i in (long[])[0, 3])
        {
            using var own = op.Select(i);
            var alone = Denoise(network, x.narrow(0, i, 1), sigma.narrow(0, i, 1), new(own, known.Measurements!.narrow(0, i, 1)));
            TensorAssert.Close(together.narrow(0, i, 1), alone, 1e-5);
        }
    }

    [Fact]
    public void No_operator_is_the_operator_that_measures_nothing()
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        var (x, sigma, known) = TestNetworks.Inputs(2);
        using var op = known.Operator;
        using var nothing = new NoDegradation(TestNetworks.Shape);
        var without = Denoise(network, x, sigma, Conditioning.None);
        TensorAssert.Close(without, Denoise(network, x, sigma, new(nothing, nothing.Apply(x.unsqueeze(1)))), 1e-5);
        TensorAssert.Differs(without, Denoise(network, x, sigma, known), 1e-2);
    }

    [Theory, InlineData(NetworkKind.InvFusion), InlineData(NetworkKind.Blind)]
    public void The_measurement_skip_adds_what_was_measured_where_the_input_says_nothing(NetworkKind kind)
    {
        using var scope = NewDisposeScope();
        var plain = TestNetworks.Configuration with { Kind = kind };
        using var without = TestNetworks.Create(plain);
        using var with = TestNetworks.Create(plain with { MeasurementSkip = true });
        var (x, sigma, known) = TestNetworks.Inputs(2);
        using var op = known.Operator!;
        var measured = op.PseudoInverse(known.Measurements!).squeeze(1);
        var share = sigma.square() / (sigma.square() + 0.25); // 1 - c_skip, σ_data = 1/2
        TensorAssert.Close(Denoise(without, x, sigma, known) + measured * share.view(-1, 1, 1, 1), Denoise(with, x, sigma, known), 1e-5);
        TensorAssert.Close(Denoise(without, x, sigma, Conditioning.None), Denoise(with, x, sigma, Conditioning.None), 0);
    }

    [Fact]
    public void Bfloat16_products_stay_near_float32()
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        var (x, sigma, known) = TestNetworks.Inputs(2);
        using var op = known.Operator;
        var exact = Denoise(network, x, sigma, known);
        network.ComputeType = ScalarType.BFloat16;
        var rounded = Denoise(network, x, sigma, known);
        Assert.Equal(ScalarType.Float32, rounded.dtype);
        TensorAssert.Close(exact, rounded, 0.1);
        TensorAssert.Differs(exact, rounded, 0);
    }

    [Fact]
    public void At_low_noise_the_input_passes_through()
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        var (x, _, known) = TestNetworks.Inputs(2);
        using var op = known.Operator;
        TensorAssert.Close(x, Denoise(network, x, full([1], 1e-6), known), 1e-4);
    }

    [Fact]
    public void Wrong_shapes_are_refused_by_a_message_that_has_them()
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        var (x, sigma, known) = TestNetworks.Inputs(2);
        using var op = known.Operator!;
        Refuses("[2, 1, 16, 16]", x.narrow(1, 0, 1), sigma, known);
        Refuses("[2, 3, 18, 16]", randn(2, 3, 18, 16), sigma, known);
        Refuses("[3, 16, 16]", x[0], sigma, known);
        Refuses("[2, 1, 19]", x, sigma, known with { Measurements = zeros(2, 1, 19) });
        Refuses("[1, 1, 20]", x, sigma, known with { Measurements = zeros(1, 1, 20) });
        Refuses("[2, 3, 32, 32]", randn(2, 3, 32, 32), sigma, known); // H is made for 16×16
        Refuses("[3]", x, rand(3), known);
        Refuses("[3]", x, sigma, known with { ClassLabels = zeros(3, ScalarType.Int64) });
        Refuses("[1, 8]", x, sigma, known with { Augmentation = zeros(1, 8) });

        void Refuses(string shape, Tensor images, Tensor levels, Conditioning conditioning)
        {
            var error = Assert.Throws<ArgumentException>(() => Denoise(network, images, levels, conditioning));
            Assert.Contains(shape, error.Message);
        }
    }

    [Fact]
    public void Labels_out_of_range_are_refused()
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration with { Classes = 4 });
        var (x, sigma, known) = TestNetworks.Inputs(2);
        using var op = known.Operator;
        Assert.ThrowsAny<Exception>(() => Denoise(network, x, sigma, known with { ClassLabels = tensor([0L, 5L]) }));
    }

    [Fact]
    public void Every_parameter_gets_a_gradient()
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration with { Classes = 2, Directions = 1 });
        var (x, sigma, known) = TestNetworks.Inputs(2);
        using var op = known.Operator;
        var output = network.Denoise(x, sigma, known with { Augmentation = randn(2, 9), ClassLabels = tensor([0L, 1L]) });
        (output.square().mean() + network.LogVariance(sigma).square().mean()).backward();
        foreach (var (name, parameter) in network.named_parameters())
            using (var gradient = parameter.grad)
                Assert.True(gradient is not null && gradient.abs().sum().item<float>() > 0, name);
    }

    private static Tensor Denoise(PreconditionedNetwork network, Tensor x, Tensor sigma, Conditioning conditioning)
    {
        using var noGrad = no_grad();
        return network.Denoise(x, sigma, conditioning);
    }
}
