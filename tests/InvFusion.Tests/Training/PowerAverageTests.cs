using InvFusion.Models;
using InvFusion.Modules;
using InvFusion.Testing;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using InvFusion.Training;
using InvFusion.Training.Averages;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Training;

[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class PowerAverageTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TorchThreads _thread = new(1);

    public void Dispose()
    {
        _thread.Dispose();
        _folder.Dispose();
    }

    [Theory, InlineData(0.01), InlineData(0.05), InlineData(0.1), InlineData(0.2), InlineData(0.288)]
    public void The_exponent_gives_the_width_of_the_profile(double std)
    {
        Assert.Equal(std, PowerFunction.StdOf(PowerFunction.ExponentOf(std)), 1e-12);
        // The width measured on the profile itself.
        var response = PowerFunction.Response(new(20_000, std), 20_001);
        var mean = response.Select((r, t) => r * t).Sum();
        Assert.Equal(std, Math.Sqrt(response.Select((r, t) => r * Math.Pow(t - mean, 2)).Sum()) / 20_000, 1e-3);
    }

    [Fact]
    public void The_tracked_average_has_the_weights_of_the_profile()
    {
        using var scope = NewDisposeScope();
        using var walk = new Walk();
        using var averages = new PowerAverages(walk.Parameters, [0.1]);
        var history = walk.Run(400, averages).Select(w => (double)w[0]).ToArray();
        var response = PowerFunction.Response(new(400, 0.1), 401);
        var expected = history.Select((w, i) => w * response[i + 1]).Sum(); // the weights after image i + 1
        Assert.Equal(expected, averages.Tracked[0].Weights[0].item<float>(), 0.02);
    }

    [Theory, InlineData(0.075, 800), InlineData(0.13, 800), InlineData(0.06, 600)]
    public void A_reconstruction_is_what_tracking_it_would_have_given(double std, long end)
    {
        using var scope = NewDisposeScope();
        using var walk = new Walk();
        using PowerAverages stored = new(walk.Parameters, [0.05, 0.1]),
            direct = new(walk.Parameters, [std]);
        var snapshots = new List<(AverageProfile Profile, float[] Weights)>();
        float[] expected = [];
        for (var image = 1; image <= 800; image++)
        {
            walk.Step();
            stored.Update(image, 1);
            direct.Update(image, 1);
            if (image % 100 == 0)
                snapshots.AddRange(stored.Tracked.Select(t => (new AverageProfile(image, t.Std), TensorAssert.Values(t.Weights))));
            if (image == end)
                expected = TensorAssert.Values(direct.Tracked[0].Weights);
        }
        var used = snapshots.Where(s => s.Profile.Images <= end).ToArray();
        var factors = PosthocAverage.Solve([.. used.Select(s => s.Profile)], new(end, std));
        var rebuilt = Enumerable.Range(0, expected.Length).Select(i => used.Select((s, k) => factors[k] * s.Weights[i]).Sum()).ToArray();
        // In units of what two stored averages differ by.
        var scale = Distance(used[^1].Weights, [.. used[^2].Weights.Select(w => (double)w)]);
        Assert.True(Distance(expected, rebuilt) < 0.05 * scale, $"{Distance(expected, rebuilt)} against {scale}");
    }

    [Fact]
    public void A_run_writes_snapshots_from_which_its_averages_come_back()
    {
        var options = Options with
        {
            PowerEma = new() { Stds = [0.05, 0.1], SnapshotImages = 8 },
        };
        TestRuns.Run(options, _folder["run"]);
        var found = AverageSnapshot.Find(_folder["run"]);
        Assert.Equal([8, 8, 16, 16, 24, 24, 32, 32], found.Select(s => s.Profile.Images));
        Assert.Equal([0.05, 0.1, 0.05, 0.1], found.Take(4).Select(s => s.Profile.Std));
        foreach (var stored in found.TakeLast(4))
        {
            // One that is stored comes back as it is.
            var average = PosthocAverage.OfRun(_folder["run"], stored.Profile.Std, (long)stored.Profile.Images);
            Assert.InRange(average.RelativeError, 0, 1e-4);
            average.Save(_folder["again.safetensors"]);
            using var scope = NewDisposeScope();
            using var expected = NetworkFile.Load(stored.Path);
            using var actual = NetworkFile.Load(_folder["again.safetensors"]);
            var state = actual.state_dict();
            foreach (var (name, tensor) in expected.state_dict())
                TensorAssert.Close(tensor, state[name], 1e-5);
        }
    }

    [Fact]
    public void A_width_that_was_not_tracked_is_met_by_a_whole_run()
    {
        var options = Options with
        {
            Images = 256,
            PowerEma = new() { Stds = [0.05, 0.1, 0.075], SnapshotImages = 32 },
        };
        TestRuns.Run(options, _folder["run"]);
        foreach (var direct in AverageSnapshot.Find(_folder["run"]).Where(s => s.Profile.Std == 0.075))
            File.Move(direct.Path, direct.Path + ".direct");
        var average = PosthocAverage.OfRun(_folder["run"], 0.075);
        Assert.InRange(average.RelativeError, 0, 0.02);
        average.Save(_folder["rebuilt.safetensors"]);
        var newest = AverageSnapshot.PathOf(_folder["run"], 256, 0.075) + ".direct";
        using var scope = NewDisposeScope();
        using NetworkWeights direct75 = new(newest),
            rebuilt = new(_folder["rebuilt.safetensors"]),
            other = new(AverageSnapshot.PathOf(_folder["run"], 256, 0.1));
        var (error, scale) = ((direct75.Flat - rebuilt.Flat).norm().item<float>(), (direct75.Flat - other.Flat).norm().item<float>());
        Assert.True(error < 0.1 * scale, $"{error} from the tracked average, which is {scale} from its neighbour");
    }

    [Fact]
    public void A_run_without_snapshots_and_values_out_of_range_are_refused_by_name()
    {
        Assert.Contains("powerEma", Assert.Throws<ConfigurationException>(() => PosthocAverage.OfRun(_folder.Root, 0.1)).Message);
        Assert.Contains("--std 0.5", Assert.Throws<ConfigurationException>(() => PosthocAverage.OfRun(_folder.Root, 0.5)).Message);
        TestRuns.Run(
            Options with
            {
                Images = 8,
                PowerEma = new() { Stds = [0.1], SnapshotImages = 4 },
            },
            _folder["run"]
        );
        var error = Assert.Throws<ConfigurationException>(() => PosthocAverage.OfRun(_folder["run"], 0.1, 9));
        Assert.Contains("4 to 8", error.Message);
    }

    [Fact]
    public void Snapshots_after_the_state_that_a_run_resumes_from_are_dropped()
    {
        var options = Options with
        {
            CheckpointImages = 16,
            KeepCheckpoints = 9,
            PowerEma = new() { Stds = [0.1], SnapshotImages = 4 },
        };
        TestRuns.Run(options, _folder["run"]);
        File.Delete(TestRuns.Checkpoints(_folder["run"])[0]);
        using var images = new GeneratedSet();
        using var trainer = new Trainer(options, _folder["run"], images);
        Assert.Equal(16, AverageSnapshot.Find(_folder["run"]).Max(s => s.Profile.Images));
    }

    private static TrainingOptions Options => TestRuns.Options with { Degradations = ["box", "none"], CheckpointImages = 1000 };

    private static double Distance(float[] a, double[] b) => Math.Sqrt(a.Zip(b, (x, y) => (x - y) * (x - y)).Sum());

    /// <summary>Weights that wander at random around a trend.</summary>
    private sealed class Walk : IDisposable
    {
        private readonly Linear _module;
        private readonly Random _random = new(3);

        public Walk()
        {
            _module = new(40, 1, zero: true);
            Parameters = new(_module);
        }

        public FlatParameters Parameters { get; }

        public IEnumerable<float[]> Run(int steps, PowerAverages averages)
        {
            for (var i = 1; i <= steps; i++)
            {
                Step();
                averages.Update(i, 1);
                yield return TensorAssert.Values(Parameters.Values);
            }
        }

        public void Step()
        {
            using var noGrad = no_grad();
            using var move = tensor(Enumerable.Range(0, 40).Select(_ => (float)(_random.NextDouble() - 0.45)).ToArray());
            Parameters.Values.add_(move);
        }

        public void Dispose()
        {
            Parameters.Dispose();
            _module.Dispose();
        }
    }

    /// <summary>The parameters of a network file, end to end.</summary>
    private sealed class NetworkWeights : IDisposable
    {
        private readonly PreconditionedNetwork _network;

        public NetworkWeights(string path) => _network = NetworkFile.Load(path);

        public Tensor Flat => cat(_network.named_parameters().Select(p => p.parameter.flatten()).ToArray());

        public void Dispose() => _network.Dispose();
    }
}
