using InvFusion.Models;
using InvFusion.Testing;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Models;
using InvFusion.Tests.Runtime;
using InvFusion.Training;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Training;

[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class TrainerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private readonly TorchThreads _thread = new(1); // threads that wait for each other on a busy machine take minutes

    public void Dispose()
    {
        _thread.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(32, 3, "3×16×16")]
    [InlineData(16, 1, "3×16×16")]
    public void Images_that_do_not_fit_the_network_are_refused(int size, int channels, string needed)
    {
        using var images = new GeneratedSet(size: size, channels: channels);
        var error = Assert.Throws<ConfigurationException>(() => new Trainer(TestRuns.Options, _folder.Root, images));
        Assert.StartsWith("generated: ", error.Message);
        Assert.Contains(needed, error.Message);
        Assert.Empty(Directory.GetFiles(_folder.Root));
    }

    [Fact]
    public void Classes_that_do_not_fit_the_network_are_refused()
    {
        using var images = new GeneratedSet(classes: 2);
        var options = TestRuns.Options with { Network = TestNetworks.Configuration with { Classes = 3 } };
        var error = Assert.Throws<ConfigurationException>(() => new Trainer(options, _folder.Root, images));
        Assert.Contains("2 classes, the network 3", error.Message);
    }

    [Fact]
    public void The_number_of_live_tensors_does_not_grow()
    {
        var counts = new List<long>();
        using var images = new GeneratedSet();
        using (var trainer = new Trainer(TestRuns.Options with { Images = 64 }, _folder.Root, images))
            trainer.Run(new TestRuns.Watcher(_ => counts.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount)));
        Assert.Equal(16, counts.Count);
        Assert.Single(counts.Distinct());
    }

    [Theory, InlineData(OptimizerKind.Adam), InlineData(OptimizerKind.Muon)]
    public void The_loss_goes_down(OptimizerKind optimizer)
    {
        using var images = new GeneratedSet(count: 4);
        var losses = new List<double>();
        var options = TestRuns.Options with
        {
            Batch = 4,
            Rounds = 1,
            Images = 4 * 60,
            StatusImages = 4,
            CheckpointImages = 10_000,
            LearningRate = new() { Rate = 5e-3, RampUpImages = 20 },
            Optimizer = new() { Kind = optimizer },
        };
        using (var trainer = new Trainer(options, _folder.Root, images))
            trainer.Run(new TestRuns.Watcher(status => losses.Add(status.Loss)));
        Assert.Equal(60, losses.Count);
        double first = losses.Take(10).Average(),
            last = losses.TakeLast(10).Average();
        Assert.True(last < first - 0.5, $"mean loss of the first ten steps {first:F3}, of the last ten {last:F3}");
    }

    [Fact]
    public void The_average_is_a_network_file_that_follows_the_weights()
    {
        using var scope = NewDisposeScope();
        using var images = new GeneratedSet();
        using var trainer = new Trainer(TestRuns.Options, _folder.Root, images);
        trainer.Run();
        using var average = NetworkFile.Load(_folder["network-ema.safetensors"]);
        var weights = trainer.Network.state_dict();
        foreach (var (name, buffer) in average.named_buffers())
            TensorAssert.SameBits(weights[name], buffer, name);
        TensorAssert.Differs(weights["unet.patch_in.proj.weight"], average.state_dict()["unet.patch_in.proj.weight"], 0);
        TensorAssert.Close(weights["unet.patch_in.proj.weight"], average.state_dict()["unet.patch_in.proj.weight"], 0.05);
    }

    [Fact]
    public void A_warm_start_begins_with_the_weights_of_the_file()
    {
        using var scope = NewDisposeScope();
        using var images = new GeneratedSet();
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        NetworkFile.Save(_folder["start.safetensors"], network.Configuration, network.state_dict());
        var options = TestRuns.Options with { WarmStart = _folder["start.safetensors"] };
        using var trainer = new Trainer(options, _folder["run"], images);
        var state = trainer.Network.state_dict();
        foreach (var (name, tensor) in network.state_dict())
            TensorAssert.SameBits(tensor, state[name], name);
        trainer.SaveAverage(_folder["average.safetensors"]);
        using var average = NetworkFile.Load(_folder["average.safetensors"]);
        foreach (var (name, tensor) in average.state_dict())
            TensorAssert.SameBits(tensor, state[name], name);
    }

    [Fact]
    public void A_run_whose_loss_is_no_number_ends_with_a_divergence()
    {
        using var images = new GeneratedSet();
        using var trainer = new Trainer(TestRuns.Options with { Images = 10_000 }, _folder.Root, images);
        using (no_grad())
            foreach (var parameter in trainer.Network.parameters())
                parameter.fill_(float.NaN);
        var error = Assert.Throws<DivergenceException>(() => trainer.Run());
        Assert.Contains("lower learning rate", error.Message);
        Assert.InRange(trainer.ImagesSeen, 1, 80);
    }

    [Fact]
    public void A_run_that_diverges_leaves_a_checkpoint_from_before()
    {
        var options = TestRuns.Options with { Images = 10_000, CheckpointImages = 4, KeepCheckpoints = 2 };
        using var images = new GeneratedSet();
        using (var trainer = new Trainer(options, _folder.Root, images))
        {
            var poison = new TestRuns.Watcher(status =>
            {
                if (status.Images != 12)
                    return;
                using var noGrad = no_grad();
                using var scope = NewDisposeScope();
                foreach (var parameter in trainer.Network.parameters())
                    parameter.mul_(1e30f);
            });
            Assert.Throws<DivergenceException>(() => trainer.Run(poison));
        }
        foreach (var checkpoint in TestRuns.Checkpoints(_folder.Root).Where(c => !c.EndsWith("12.safetensors", StringComparison.Ordinal)))
            Assert.EndsWith("08.safetensors", checkpoint);
        using var scope = NewDisposeScope();
        using var average = NetworkFile.Load(_folder["network-ema.safetensors"]);
        Assert.All(average.parameters(), p => Assert.True(p.isfinite().all().item<bool>()));
    }

    [Fact]
    public void A_run_that_diverges_before_its_first_checkpoint_leaves_its_start()
    {
        var options = TestRuns.Options with { Images = 10_000, CheckpointImages = 1000, WarmStart = _folder["wild.safetensors"] };
        using var images = new GeneratedSet();
        using (var network = TestNetworks.Create(TestNetworks.Configuration))
        {
            using (no_grad())
            using (NewDisposeScope())
                foreach (var parameter in network.parameters())
                    parameter.mul_(1e25f);
            NetworkFile.Save(_folder["wild.safetensors"], network.Configuration, network.state_dict());
        }
        using (var trainer = new Trainer(options, _folder["run"], images))
            Assert.Throws<DivergenceException>(() => trainer.Run());
        using var again = new Trainer(options, _folder["run"], images);
        Assert.EndsWith("000000000000.safetensors", TestRuns.Checkpoints(_folder["run"]).Single());
        Assert.Equal(0, again.ImagesSeen);
    }

    [Fact]
    public void A_suspend_file_ends_the_run_with_a_checkpoint_and_is_removed()
    {
        using var images = new GeneratedSet();
        var options = TestRuns.Options with { Images = 10_000, CheckpointImages = 1000 };
        using (var trainer = new Trainer(options, _folder.Root, images))
        {
            trainer.Run(
                new TestRuns.Watcher(status =>
                {
                    if (status.Images == 12)
                        File.WriteAllText(_folder["suspend"], "");
                })
            );
            Assert.Equal(12, trainer.ImagesSeen);
        }
        Assert.EndsWith("000000000012.safetensors", TestRuns.Checkpoints(_folder.Root).Single());
        Assert.False(File.Exists(_folder["suspend"]));
    }

    [Fact]
    public void The_folder_says_which_code_ran_from_which_image_on_and_tells_TensorBoard()
    {
        TestRuns.Run(TestRuns.Options with { Images = 8, GridImages = 8 }, _folder.Root);
        TestRuns.Run(TestRuns.Options with { Images = 16, GridImages = 8 }, _folder.Root);
        var lines = File.ReadAllLines(_folder["versions.jsonl"]).Select(l => System.Text.Json.Nodes.JsonNode.Parse(l)!).ToArray();
        Assert.Equal([0, 8], lines.Select(l => (int)l["images"]!));
        Assert.All(lines, l => Assert.Matches(@"^\d+\.\d+", (string)l["invfusion"]!));
        Assert.Equal(2, Directory.GetFiles(_folder.Root, "events.out.tfevents.*").Length);
        Assert.True(File.Exists(_folder["grid-000000000016.png"]));
    }

    [Theory, InlineData(4), InlineData(16)]
    public void A_folder_that_is_taken_away_ends_the_run_and_is_not_made_anew(int image)
    {
        using var images = new GeneratedSet();
        using (var trainer = new Trainer(TestRuns.Options with { CheckpointImages = 8 }, _folder["run"], images))
        {
            var error = Assert.Throws<DataFormatException>(() =>
                trainer.Run(
                    new TestRuns.Watcher(s =>
                    {
                        if (s.Images == image)
                            Directory.Move(_folder["run"], _folder["moved"]);
                    })
                )
            );
            Assert.Contains($"{_folder["run"]}: the run folder was removed or moved", error.Message);
        }
        Assert.False(Directory.Exists(_folder["run"]));
        TestRuns.Run(TestRuns.Options, _folder["moved"]); // put elsewhere, it goes on
        TestRuns.Run(TestRuns.Options, _folder["whole"]);
        TestRuns.AssertSameState(TestRuns.Checkpoints(_folder["whole"])[0], TestRuns.Checkpoints(_folder["moved"])[0]);
    }

    [Fact]
    public void Only_the_newest_checkpoints_are_kept()
    {
        TestRuns.Run(TestRuns.Options with { CheckpointImages = 4, KeepCheckpoints = 3 }, _folder.Root);
        Assert.Equal(
            ["state-000000000032.safetensors", "state-000000000028.safetensors", "state-000000000024.safetensors"],
            TestRuns.Checkpoints(_folder.Root).Select(Path.GetFileName)
        );
        Assert.Empty(Directory.GetFiles(_folder.Root, "*.tmp"));
    }
}
