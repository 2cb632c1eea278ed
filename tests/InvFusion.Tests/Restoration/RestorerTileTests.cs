using InvFusion.Degradations;
using InvFusion.Models;
using InvFusion.Restoration;
using InvFusion.Tests.Degradations;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Models;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Restoration;

[Collection(TorchTests.Collection)]
public sealed class RestorerTileTests
{
    private const int Tiles = 3 * 2; // of 16 pixels, every 12
    private const int Evaluations = 2 * 3 - 1;
    private static readonly ImageShape Image = new(3, 24, 40);
    private static readonly RestoreOptions Options = new()
    {
        Method = "edm",
        Sampler = new() { Steps = 3, Churn = 10 },
        Samples = 3,
        Seed = 5,
        TileOverlap = 4,
    };

    // A new network has zeros in its last layers: D = c_skip·x, pixel by pixel, so that tiles must give what the whole picture gives.
    [Fact]
    [NoTensorLeaks]
    public void Tiles_of_a_denoiser_that_works_pixel_by_pixel_are_the_whole_picture()
    {
        using var scope = NewDisposeScope();
        using var network = new PreconditionedNetwork(TestNetworks.Configuration);
        network.eval();
        using var op = new NoDegradation(Image);
        var y = zeros(1, 1, 3);
        using RestoredImage tiled = new Restorer(network).Restore(op, y, Options),
            whole = new Restorer(network).Restore(op, y, Options with { TileOverlap = null });
        Assert.Equal([3, 3, 24, 40], tiled.Samples.shape);
        TensorAssert.Close(whole.Samples, tiled.Samples, 1e-5);
        TensorAssert.Close(whole.Spread, tiled.Spread, 1e-5);
        TensorAssert.Differs(tiled.Samples[0], tiled.Samples[1], 0.01);
        Assert.Equal(Tiles * whole.Evaluations, tiled.Evaluations);
    }

    [Theory]
    [InlineData("missing-box:10,4,30,20")]
    [InlineData("sr:4,method=box")]
    public void A_sample_is_the_same_alone_and_in_a_batch(string spec)
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        using var op = DegradationSpec.Parse(spec).Build(Image);
        var y = op.Apply(Close.Normals(1, 1, 1, 3, 24, 40));
        using RestoredImage together = new Restorer(network).Restore(op, y, Options),
            alone = new Restorer(network).Restore(op, y, Options with { Seed = 7, Samples = 1 });
        TensorAssert.Close(together.Samples[2], alone.Samples[0], 1e-4);
        Close.To(op.PseudoInverse(y)[0, 0], alone.PseudoInverse, 1e-6);
        Assert.True(together.ForwardCalls > 0 && together.InverseCalls > 0);
    }

    [Fact]
    public void Cancelling_keeps_the_samples_whose_every_tile_is_done()
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        using var op = new NoDegradation(Image);
        using var cancellation = new CancellationTokenSource();
        var told = new List<RestoreProgress>();
        var progress = new Watch(p =>
        {
            told.Add(p);
            if (p.Done == Evaluations * Tiles + 12) // in the third tile of the second sample
                cancellation.Cancel();
        });
        using var restored = new Restorer(network).Restore(
            op,
            zeros(1, 1, 3),
            Options with
            {
                BatchSize = 1,
            },
            progress,
            cancellation.Token
        );
        Assert.True(restored.Cancelled);
        Assert.Equal(1, restored.Samples.shape[0]);
        Assert.Equal(Enumerable.Range(1, Evaluations * Tiles + 12).Select(i => (long)i), told.Select(p => p.Done));
        Assert.All(told, p => Assert.Equal(3 * Tiles * Evaluations, p.Total));
    }

    [Fact]
    public void An_operator_that_is_not_local_is_refused()
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        using var op = DegradationSpec.Parse("motion:stride=2").Build(Image);
        var y = zeros(1, 1, op.MeasurementLength);
        Assert.Contains("not local", Assert.Throws<ConfigurationException>(() => new Restorer(network).Restore(op, y, Options)).Message);
    }

    private sealed class Watch(Action<RestoreProgress> report) : IProgress<RestoreProgress>
    {
        public void Report(RestoreProgress value) => report(value);
    }
}
