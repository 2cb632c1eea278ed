using InvFusion.Models;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Models;

/// <summary>What a loaded network keeps between evaluations changes none of them.</summary>
public sealed class ConditionCacheTests
{
    private static readonly NetworkConfiguration Configuration = TestNetworks.Configuration with { Classes = 3, NoiseConditioning = true };

    [Fact]
    public void KeptConditionsGiveWhatComputedOnesDo()
    {
        using var scope = NewDisposeScope();
        using var fresh = TestNetworks.Create(Configuration); // asks for gradients, so that nothing is kept
        using var loaded = TestNetworks.Create(Configuration);
        foreach (var parameter in loaded.parameters())
            parameter.requires_grad = false;
        using var noGrad = no_grad();
        var (x, sigma, known) = TestNetworks.Inputs(2);
        using var op = known.Operator;
        var labels = tensor(new long[] { 0, 2 });
        var level = tensor(new[] { 0.1f, 0f });
        var augmentation = rand(2, 9);
        // Each differs from the one before in one thing, or in none.
        (Tensor Sigma, Conditioning Known)[] calls =
        [
            (sigma, known),
            (sigma.clone(), known),
            (sigma * 2, known),
            (sigma * 2, known with { ClassLabels = labels }),
            (sigma * 2, known with { ClassLabels = labels.flip(0) }),
            (sigma * 2, known with { NoiseLevel = level }),
            (sigma * 2, known with { NoiseLevel = level.flip(0) }),
            (sigma * 2, known with { Augmentation = augmentation }),
            (sigma * 2, known with { Augmentation = augmentation.flip(0) }),
            (sigma, known),
        ];
        foreach (var (s, k) in calls)
        {
            Tensor expected = fresh.Denoise(x, s, k),
                actual = loaded.Denoise(x, s, k);
            Assert.True((expected - actual).abs().max().item<float>() <= 1e-5 * expected.abs().max().item<float>());
        }
        // A network that is told of all this does answer differently, so that stale answers would have been seen.
        Assert.All(
            calls
                .Zip(calls.Skip(2))
                .Take(calls.Length - 3)
                .Select(p =>
                    (fresh.Denoise(x, p.First.Sigma, p.First.Known) - fresh.Denoise(x, p.Second.Sigma, p.Second.Known))
                        .abs()
                        .max()
                        .item<float>()
                ),
            difference => Assert.True(difference > 1e-4)
        );
    }

    [Fact]
    public void GradientsOfTheImagePassThroughAKeptCondition()
    {
        using var scope = NewDisposeScope();
        using var loaded = TestNetworks.Create(Configuration);
        foreach (var parameter in loaded.parameters())
            parameter.requires_grad = false;
        var (x, sigma, known) = TestNetworks.Inputs(2);
        using var op = known.Operator;
        var gradients = new List<Tensor>();
        for (var i = 0; i < 2; i++)
        {
            var from = x.clone().requires_grad_();
            loaded.Denoise(from, sigma, known).square().sum().backward();
            gradients.Add(from.grad!.clone());
        }
        Assert.True(gradients[0].abs().max().item<float>() > 0);
        Assert.True(gradients[0].equal(gradients[1]).all().item<bool>());
    }
}
