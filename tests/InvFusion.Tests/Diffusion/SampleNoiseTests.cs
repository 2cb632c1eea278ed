using InvFusion.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Diffusion;

[Collection(TorchTests.Collection)]
public sealed class SampleNoiseTests
{
    [Fact]
    public void Each_seed_has_its_own_stream_whatever_its_place()
    {
        using var scope = NewDisposeScope();
        var (a, b) = (new SampleNoise([1, 2]), new SampleNoise([2, 1]));
        for (var draw = 0; draw < 3; draw++)
        {
            Tensor x = a.Normal(3, 5),
                y = b.Normal(3, 5); // an odd count: the second of a Box-Muller pair is kept for the next draw
            Assert.True(x[0].equal(y[1]).all().item<bool>());
            Assert.True(x[1].equal(y[0]).all().item<bool>());
            Assert.False(x[0].equal(x[1]).all().item<bool>());
        }
    }

    [Fact]
    public void Draws_are_standard_normal()
    {
        using var scope = NewDisposeScope();
        var draw = new SampleNoise(Enumerable.Range(0, 64).Select(i => (ulong)i)).Normal(4096);
        Assert.InRange(draw.mean().item<float>(), -0.01, 0.01);
        Assert.InRange(draw.std().item<float>(), 0.99, 1.01);
    }

    [Fact]
    public void A_replay_gives_its_draws_in_order_and_refuses_more_or_others()
    {
        using var scope = NewDisposeScope();
        var replay = new ReplayNoise(ones(2, 3), zeros(2, 3));
        Assert.Equal(1, replay.Normal(3)[0, 0].item<float>());
        Assert.Throws<DataFormatException>(() => replay.Normal(4));
        Assert.Equal(0, replay.Remaining);
        Assert.Throws<DataFormatException>(() => replay.Normal(3));
    }
}
