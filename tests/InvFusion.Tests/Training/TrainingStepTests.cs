using InvFusion.Data;
using InvFusion.Models;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Models;
using InvFusion.Tests.Runtime;
using InvFusion.Training;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Training;

/// <summary>What a pass does to the gradients.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class TrainingStepTests : IDisposable
{
    private readonly TorchThreads _thread = new(1);

    public void Dispose() => _thread.Dispose();

    private static readonly TrainingOptions Options = TestRuns.Options with
    {
        Rounds = 1,
        Batch = 8,
        Degradations = ["box", "motion", "matrix"],
        Network = TestNetworks.Configuration with { Dropout = 0 },
    };

    [Theory, InlineData(LossKind.Edm), InlineData(LossKind.Mmse), InlineData(LossKind.Nppc)]
    public void The_consistency_counts_with_its_weight(LossKind kind)
    {
        using var scope = NewDisposeScope();
        var network = Options.Network with { Directions = kind == LossKind.Nppc ? 2 : 0 };
        var (none, reported) = Pass(With(0));
        var (one, same) = Pass(With(1));
        var (three, _) = Pass(With(3));
        Assert.Equal(reported.Consistency, same.Consistency, 1e-6);
        TensorAssert.Differs(none, one, 1e-3);
        TensorAssert.Close(3 * (one - none), three - none, 1e-3 * three.abs().max().item<float>());

        TrainingOptions With(double weight) =>
            Options with
            {
                Network = network,
                Loss = new() { Kind = kind, ConsistencyWeight = weight },
            };
    }

    [Fact]
    public void The_weights_of_directions_and_variances_rise_with_the_batches()
    {
        using var scope = NewDisposeScope();
        var terms = new NppcTerms(zeros(2), zeros(2), tensor([1f, 2]), tensor([10f, 30]));
        Assert.Equal([0, 0], TensorAssert.Values(terms.Weigh(5, 0).Extra!));
        Assert.Equal([5 * (0.25f + 1 / 16f), 5 * (0.5f + 3 / 16f)], TensorAssert.Values(terms.Weigh(5, 16).Extra!));
        Assert.Equal([5 * (1 + 1f / 4), 5 * (2 + 3f / 4)], TensorAssert.Values(terms.Weigh(5, 32).Extra!));
        Assert.Equal([5 * (1 + 1f), 5 * (2 + 3f)], TensorAssert.Values(terms.Weigh(5, 1000).Extra!));
    }

    [Fact]
    public void Directions_get_a_gradient_once_their_weight_has_one()
    {
        using var scope = NewDisposeScope();
        var options = Options with
        {
            Loss = new() { Kind = LossKind.Nppc },
            Network = Options.Network with { Directions = 2 },
        };
        Assert.Equal(0, DirectionGradient(step: 0));
        Assert.True(DirectionGradient(step: 8) > 0);

        // The last layer's rows of the direction images: channels 3 to 8 of 9 for each of the 4 pixels of a token.
        float DirectionGradient(int step)
        {
            var parts = Gradients(options, step, out var losses);
            Assert.True(losses.Direction > 0);
            return parts["unet.patch_out.proj.weight"].view(4, 9, -1).narrow(1, 3, 6).abs().sum().item<float>();
        }
    }

    [Theory, InlineData(0.0, true, false), InlineData(1.0, false, true), InlineData(0.5, true, true)]
    public void Classes_are_withheld_with_the_probability(double drop, bool classes, bool none)
    {
        using var scope = NewDisposeScope();
        var options = Options with { LabelDrop = drop, Network = Options.Network with { Classes = 3 } };
        var rows = Gradients(options, 0, out _)["unet.class_emb.weight"].abs().sum(1);
        Assert.Equal(classes, rows.narrow(0, 0, 3).sum().item<float>() > 0);
        Assert.Equal(none, rows[3].item<float>() > 0);
    }

    [Fact]
    public void The_network_learns_from_the_noise_level_that_it_is_told()
    {
        using var scope = NewDisposeScope();
        var told = Options with { SigmaY = 0.02, SigmaYMax = 0.5, Network = Options.Network with { NoiseConditioning = true } };
        Assert.True(Gradients(told, 0, out _)["unet.sigma_y_in_proj.weight"].abs().max().item<float>() > 0);
        Assert.DoesNotContain(Gradients(Options, 0, out _).Keys, name => name.Contains("sigma_y", StringComparison.Ordinal));
    }

    [Theory, InlineData(NetworkKind.InvFusion), InlineData(NetworkKind.Blind), InlineData(NetworkKind.Unconditional)]
    public void Layers_that_are_computed_anew_give_the_same_gradients(NetworkKind kind)
    {
        using var scope = NewDisposeScope();
        var options = Options with { Network = Options.Network with { Kind = kind } };
        var kept = Gradients(options, 0, out var losses);
        var anew = Gradients(options with { GradientCheckpointing = true }, 0, out var again);
        Assert.Equal(losses, again);
        foreach (var (name, gradient) in kept)
            if (name.Contains("_level", StringComparison.Ordinal))
                TensorAssert.SameBits(gradient, anew[name], name);
            else // what comes before the condition: its gradient is a sum over the layers, now in another order
                TensorAssert.Close(gradient, anew[name], 1e-4 * gradient.abs().max().item<float>());
        // With dropout, what is computed anew must be what was computed first: else the gradient would be of another function.
        var dropout = options with
        {
            GradientCheckpointing = true,
            Network = options.Network with { Dropout = 0.3 },
        };
        TensorAssert.SameBits(Pass(dropout).Gradients, Pass(dropout).Gradients, "gradients with dropout");
    }

    // Tensors of the meta device have no values, and an operation that mixes them with those of another device fails, as on a GPU. libtorch alone has no
    // backward pass for them, and no operators of matrices and kernels.
    [Theory, InlineData("none", LossKind.Edm), InlineData("patches", LossKind.Mmse), InlineData("box", LossKind.Nppc)]
    public void Every_tensor_of_a_forward_pass_is_on_the_device_of_the_network(string family, LossKind kind)
    {
        using var scope = NewDisposeScope();
        var options = Options with
        {
            Degradations = [family],
            SigmaY = 0.05,
            Loss = new() { Kind = kind },
            Network = Options.Network with { Directions = kind == LossKind.Nppc ? 2 : 0, Dropout = 0.1 },
        };
        using var set = new GeneratedSet();
        using var network = TestNetworks.Create(options.Network);
        network.to(META);
        network.train();
        using var loader = new PrefetchingLoader(set, new LoaderOptions { BatchSize = options.Batch });
        var batch = loader.Next(TestContext.Current.CancellationToken);
        var error = Record.Exception(() => new TrainingStep(network, options, META).Accumulate(batch));
        Assert.True(error?.StackTrace?.Contains("TrainingStep.Backward", StringComparison.Ordinal), error?.Message);
    }

    private static (Tensor Gradients, PassLosses Losses) Pass(TrainingOptions options)
    {
        var parts = Gradients(options, 0, out var losses);
        return (cat(parts.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => p.Value.flatten()).ToArray()), losses);
    }

    /// <summary>The gradient of every parameter after one pass.</summary>
    private static Dictionary<string, Tensor> Gradients(TrainingOptions options, int step, out PassLosses losses)
    {
        options.Validate();
        using var set = new GeneratedSet(classes: options.Network.Classes);
        using var network = TestNetworks.Create(options.Network);
        network.train();
        using var flat = new FlatParameters(network);
        var order = new LoaderOptions { BatchSize = options.Batch, StartCounter = step * options.StepImages };
        using var loader = new PrefetchingLoader(set, order);
        losses = new TrainingStep(network, options, CPU).Accumulate(loader.Next(TestContext.Current.CancellationToken));
        return flat.Named(flat.Gradients.clone()).ToDictionary();
    }
}
