using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Restoration;
using InvFusion.Tests.Degradations;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Diffusion;

/// <summary>The method <c>linear</c>: no network, any size.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class LinearEstimateSamplerTests
{
    [Theory]
    [InlineData("pixels:keep=0.4,seed=1", 0.0)]
    [InlineData("sr:2", 0.05)]
    [InlineData("identity", 0.2)]
    public void It_is_the_linear_estimate_for_every_sample(string degradation, double sigmaY)
    {
        using var scope = NewDisposeScope();
        var image = new ImageShape(3, 10, 14); // of no network
        using var op = DegradationSpec.Parse(degradation).Build(image);
        var y = op.Apply(Close.Normals(1, 1, 1, 3, 10, 14) * 0.3);
        var options = new RestoreOptions
        {
            Method = "linear",
            Samples = 2,
            SigmaY = sigmaY,
            TileOverlap = 2, // needs no tiles
        };
        using var restored = new Restorer(null).Restore(op, y, options);
        var expected = op.LinearEstimate(y, tensor([(float)sigmaY])).squeeze(1);
        TensorAssert.Close(expected, restored.Samples, 1e-5); // one, however many are asked for
        Assert.Equal(0, restored.Evaluations);
        if (sigmaY == 0)
            TensorAssert.Close(y, op.Apply(restored.Mean.view(1, 1, 3, 10, 14)), 1e-5);
    }

    [Fact]
    public void It_beats_the_pseudo_inverse_of_noisy_pixels()
    {
        using var scope = NewDisposeScope();
        using var op = new IdentityOperator(new(3, 32, 32));
        var ramp = linspace(-0.8, 0.8, 32);
        var x = (ramp.unsqueeze(0) * ramp.unsqueeze(1)).expand(1, 1, 3, 32, 32).contiguous(); // smooth, as images are
        var y = MeasurementNoise.Add(op, op.Apply(x), 0.2, [5]);
        var options = new RestoreOptions
        {
            Method = "linear",
            Samples = 1,
            SigmaY = 0.2,
        };
        using var restored = new Restorer(null).Restore(op, y, options);
        double Error(Tensor estimate) => (estimate - x.flatten()).square().mean().item<float>();
        Assert.InRange(Error(restored.Mean.flatten()), 0, 0.25 * Error(y.flatten())); // 0.04 · 0.25: Wiener's filter takes most of the noise
    }

    [Fact]
    public void Without_a_network_nothing_else_restores()
    {
        using var scope = NewDisposeScope();
        using var op = new IdentityOperator(new(3, 8, 8));
        using var y = zeros(1, 1, 192);
        foreach (var kind in Samplers.All.Where(k => k.NeedsNetwork))
            Assert.Contains(
                "needs a network",
                Assert
                    .Throws<ConfigurationException>(() => new Restorer(null).Restore(op, y, new RestoreOptions { Method = kind.Name }))
                    .Message,
                StringComparison.Ordinal
            );
        Assert.Contains(
            "needs a measurement",
            Assert
                .Throws<ConfigurationException>(() => new Restorer(null).Restore(null, null, new RestoreOptions { Method = "linear" }))
                .Message,
            StringComparison.Ordinal
        );
    }
}
