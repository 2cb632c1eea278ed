using InvFusion.Data;
using InvFusion.Models;
using InvFusion.Tests.Distributed;
using InvFusion.Tests.Models;
using InvFusion.Tests.Runtime;
using InvFusion.Training;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Training;

/// <summary>What ranks compute of their parts of a pass adds up to what one computes of the whole.</summary>
public class RankPartTests
{
    [Theory]
    [InlineData("matrix", false, 2)]
    [InlineData("motion", false, 3)]
    [InlineData("patches", false, 2)]
    [InlineData("patches", true, 3)] // drawn again until every image of the pass keeps something
    [InlineData("sr", true, 2)] // one threshold for the spectra of the whole pass
    [InlineData("random-matrix:rows=8", false, 3)] // drawn by place in the pass
    public void Gradients_of_parts_add_up(string family, bool shared, int ranks)
    {
        using var oneThread = new TorchThreads(1);
        var network = TestNetworks.Configuration with { Dropout = 0 };
        var options = TestRuns.Options with { Network = network, Degradations = [family], SharedDegradations = shared, Batch = 5 };
        var (whole, loss) = Gradients(options, ranks: 1);
        var (parts, sum) = Gradients(options, ranks);
        Assert.Equal(loss, sum, 1e-5);
        Assert.True(whole.Max(Math.Abs) > 1e-3);
        var scale = whole.Max(Math.Abs);
        Assert.Equal(0, whole.Zip(parts, (a, b) => Math.Abs(a - b)).Max() / scale, 2e-5);
    }

    [Theory]
    [InlineData("compressed", 2)]
    [InlineData("gaussian", 3)]
    [InlineData("pixels", 3)]
    public void Gradients_of_parts_add_up_with_the_noise_and_levels_of_the_whole_step(string family, int ranks)
    {
        using var oneThread = new TorchThreads(1);
        var options = TestRuns.Options with
        {
            Network = TestNetworks.Configuration with { Dropout = 0, NoiseConditioning = true },
            Degradations = [family],
            Batch = 5,
            SigmaY = 0,
            SigmaYMax = 0.5,
            SigmaYSmall = new(),
            Augmentation = 0.5,
            Loss = new() { Stratified = true, MmseShare = 0.2 },
        };
        var (whole, loss) = Gradients(options, ranks: 1);
        var (parts, sum) = Gradients(options, ranks);
        Assert.Equal(loss, sum, 1e-5);
        var scale = whole.Max(Math.Abs);
        Assert.True(scale > 1e-3);
        Assert.Equal(0, whole.Zip(parts, (a, b) => Math.Abs(a - b)).Max() / scale, 2e-5);
    }

    [Fact]
    public void More_ranks_than_images_are_refused()
    {
        var error = Assert.Throws<ConfigurationException>(() =>
            ThreadedRanks.Run(3, ranks => _ = new TrainingRanks(ranks, TestRuns.Options with { Batch = 2 }))
        );
        Assert.Contains("batch 2", error.Message, StringComparison.Ordinal);
        Assert.Contains("3 ranks", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parts_of_a_loader_are_the_whole_in_order()
    {
        using var set = new GeneratedSet();
        var options = new LoaderOptions
        {
            BatchSize = 5,
            StartCounter = 20,
            Seed = 3,
        };
        using var whole = new PrefetchingLoader(set, options);
        var expected = whole.Next().Indices.Concat(whole.Next().Indices).ToArray();
        var parts = new int[2][][];
        ThreadedRanks.Run(
            2,
            ranks =>
            {
                using var loader = new PrefetchingLoader(
                    set,
                    new TrainingRanks(ranks, TestRuns.Options with { Batch = 5 }).PartOf(options)
                );
                parts[ranks.Rank] = [loader.Next().Indices, loader.Next().Indices];
            }
        );
        Assert.Equal(expected, parts[0][0].Concat(parts[1][0]).Concat(parts[0][1]).Concat(parts[1][1]));
    }

    // One rank after the other, into the same gradients; the mean loss of the pass.
    private static (float[] Gradients, double Loss) Gradients(TrainingOptions options, int ranks)
    {
        manual_seed(1);
        using var set = new GeneratedSet();
        using var network = new PreconditionedNetwork(options.Network);
        network.train();
        using var parameters = new FlatParameters(network);
        var loss = 0.0;
        for (var rank = 0; rank < ranks; rank++)
        {
            int first = options.Batch * rank / ranks,
                length = options.Batch * (rank + 1) / ranks - first;
            var batch = new BatchBuilder(set, new() { BatchSize = length }).Build(40 + first, CancellationToken.None);
            loss += new TrainingStep(network, options, CPU, first).Accumulate(batch).Loss * length / options.Batch;
        }
        return (parameters.Gradients.data<float>().ToArray(), loss);
    }
}
