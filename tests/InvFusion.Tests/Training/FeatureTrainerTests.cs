using InvFusion.Metrics.Features;
using InvFusion.Testing;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using InvFusion.Training.Features;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Training;

[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class FeatureTrainerTests
{
    private static readonly FeatureTrainingOptions Options = new()
    {
        Images = 64,
        Batch = 8,
        Seed = 3,
    };

    [Fact]
    public void The_same_seed_gives_the_same_network_and_another_seed_another()
    {
        using var threads = new TorchThreads(1);
        using var scope = NewDisposeScope();
        var first = Weights(Options);
        Assert.Equal(0, (first - Weights(Options)).abs().max().ToDouble());
        Assert.True((first - Weights(Options with { Seed = 4 })).abs().max().ToDouble() > 1e-3);
    }

    [Fact]
    public void Views_find_their_partners_better_and_better_and_the_file_holds_the_network()
    {
        using var threads = new TorchThreads(1);
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var statuses = new Statuses();
        var (network, seen) = FeatureTrainer.Train(Sets(), Options with { Images = 640 }, statuses, TestContext.Current.CancellationToken);
        using (network)
        {
            Assert.Equal(640, seen);
            Assert.True(statuses.All[^1].Loss < 0.9 * statuses.All[0].Loss, string.Join("; ", statuses.All));
            SmallFeatureFile.Save(folder["f.safetensors"], network, new Dictionary<string, string> { ["invfusion.images"] = "640" });
            using var loaded = SmallFeatureFile.Load(folder["f.safetensors"]);
            var images = zeros(2, 3, 64, 64);
            var (a, b) = (network.call(images), loaded.call(images));
            Assert.True((a - b).abs().max().ToDouble() < 0.05 * a.abs().max().ToDouble()); // bfloat16
        }
    }

    [Fact]
    public void A_cancelled_run_gives_what_it_has()
    {
        using var cancel = new CancellationTokenSource();
        var (network, seen) = FeatureTrainer.Train(
            Sets(),
            Options with
            {
                Images = 100_000,
            },
            new Statuses(_ => cancel.Cancel()),
            cancel.Token
        );
        network.Dispose();
        Assert.Equal(20 * 8, seen); // the first status comes after 20 steps
    }

    [Fact]
    public void Wrong_options_are_named() =>
        Assert.Contains(
            "Batch 1",
            Assert.Throws<ConfigurationException>(() => FeatureTrainer.Train(Sets(), Options with { Batch = 1 })).Message
        );

    private static GeneratedSet[] Sets() => [new GeneratedSet(24), new GeneratedSet(10)];

    private static Tensor Weights(FeatureTrainingOptions options)
    {
        var (network, _) = FeatureTrainer.Train(Sets(), options);
        using (network)
            return cat([.. network.parameters().Select(p => p.flatten())]);
    }

    private sealed class Statuses(Action<FeatureTrainingStatus>? then = null) : IProgress<FeatureTrainingStatus>
    {
        public List<FeatureTrainingStatus> All { get; } = [];

        public void Report(FeatureTrainingStatus value)
        {
            All.Add(value);
            then?.Invoke(value);
        }
    }
}
