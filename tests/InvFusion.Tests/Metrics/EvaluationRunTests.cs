using System.Text.Json.Nodes;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Distributed;
using InvFusion.Evaluation;
using InvFusion.Formats.Numpy;
using InvFusion.Metrics.Runs;
using InvFusion.Metrics.Scores;
using InvFusion.Metrics.Weights;
using InvFusion.Models;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Models;
using InvFusion.Tests.Training;
using TorchSharp;
using Xunit;
using TemporaryFolder = InvFusion.Testing.TemporaryFolder;

namespace InvFusion.Tests.Metrics;

[Collection(TorchTests.Collection)]
public sealed class EvaluationRunTests : IDisposable
{
    private const string Metrics = "psnr,ssim,consistency,consistency_psnr,residual,projected_psnr,crps,spread_error,coverage";

    private readonly TemporaryFolder _folder = new();
    private readonly GeneratedSet _set = new(7);
    private readonly PreconditionedNetwork _network = TestNetworks.Create(TestNetworks.Configuration);
    private readonly MetricTools _tools;

    public EvaluationRunTests() => _tools = new(new WeightCache([], _folder["cache"]));

    public void Dispose()
    {
        _network.Dispose();
        _tools.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_cancelled_run_goes_on_behind_its_finished_batches_and_ends_the_same()
    {
        var whole = Run("whole");
        Assert.Equal((7, 4, 0), (whole.Images, whole.Batches, whole.Resumed));
        Assert.All(
            whole.Results,
            r => Assert.True(r.Error is null && double.IsFinite(r.Value.Mean), $"{r.Name}: {r.Error} {r.Value.Mean}")
        );

        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Run("cut", stop: stop, stopAfter: 2));
        Assert.Equal(2, Batches("cut").Length);
        Assert.Empty(Directory.GetFiles(_folder["cut"], "*.tmp", SearchOption.AllDirectories));
        string[] notices = [];
        var rest = Run("cut", notice: line => notices = [.. notices, line]);
        Assert.Equal(2, rest.Resumed);
        Assert.Contains("2 of 4 batches were done", Assert.Single(notices), StringComparison.Ordinal);
        Assert.Equal(whole.Results, rest.Results);
        Assert.Equal(whole.Results, Run("cut").Results); // all of it from the disk
    }

    /// <summary>What a batch leaves behind would grow with the number of images; it did once, an image tensor for each.</summary>
    [Theory]
    [InlineData("edm")]
    [InlineData("mmse")]
    public void A_run_leaves_no_tensor_behind(string method)
    {
        Run($"first-{method}", method: method); // the network may keep what it has made for a size
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Run($"second-{method}", method: method);
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Another_evaluation_in_the_same_folder_is_refused()
    {
        Run("one");
        var message = Assert.Throws<ConfigurationException>(() => Run("one", seed: 9)).Message;
        Assert.Contains("differs in seed", message, StringComparison.Ordinal);
        Assert.Contains("--outdir", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_batch_is_named()
    {
        Run("broken");
        File.WriteAllBytes(Batches("broken")[1], [1, 2, 3]);
        Assert.Contains("00000002.npz", Assert.Throws<DataFormatException>(() => Run("broken")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Ranks_that_share_a_folder_give_the_values_of_one()
    {
        var one = Run("ranks");
        // The batches are there, so that the threads need not use libtorch's generator at once: each rank folds its own and they exchange the sums.
        var two = new EvaluationOutcome[2];
        Distributed.ThreadedRanks.Run(2, ranks => two[ranks.Rank] = Run("ranks", ranks: ranks));
        foreach (var outcome in two)
        {
            Assert.Equal((7, 4), (outcome.Images, outcome.Resumed));
            foreach (var (expected, found) in one.Results.Zip(outcome.Results))
            {
                Assert.Equal(expected.Name, found.Name);
                Assert.Equal(expected.Value.Mean, found.Value.Mean, 1e-9);
                Assert.Equal(expected.Value.Low, found.Value.Low, 1e-9);
            }
        }
    }

    [Fact]
    public void Metrics_that_lack_something_say_what_and_the_others_run()
    {
        var images = Images(samples: 1, noise: 0.1);
        var plan = MetricPlan.Create(
            MetricKinds.Parse(["psnr,projected_psnr,crps,fid", "lpips_alex"]),
            images.Given,
            _tools,
            reference: null
        );
        Assert.Equal(["psnr"], plan.ImageMetrics.Select(m => m.Name));
        var refused = plan.Refused.ToDictionary(r => r.Name, r => r.Error!);
        Assert.Contains("noise", refused["projected_psnr"], StringComparison.Ordinal);
        Assert.Contains("--samples", refused["crps"], StringComparison.Ordinal);
        Assert.Contains("--ref", refused["fid"], StringComparison.Ordinal);
        Assert.Contains("fetch-weights lpips_alex", refused["lpips_alex"], StringComparison.Ordinal);
        var outcome = EvaluationRun.Run(images, plan, _folder["some"], [], new SingleProcess());
        Assert.Equal(["psnr", "projected_psnr", "crps", "fid", "lpips_alex"], outcome.Results.Select(r => r.Name));
        Assert.Null(outcome.Results[0].Error);
        Assert.All(outcome.Results.Skip(1), r => Assert.NotNull(r.Error));
        Assert.Contains(
            "frechet",
            Assert.Throws<ConfigurationException>(() => MetricKinds.Parse(["frechet"])).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void Batches_without_an_owner_or_of_another_evaluation_are_refused()
    {
        Run("owned", metrics: "psnr");
        File.Delete(_folder["owned/evaluation.json"]);
        var other = Assert.Throws<ConfigurationException>(() => Run("owned", seed: 4, metrics: "psnr"));
        Assert.Contains(".npz: is of another evaluation", other.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["owned/evaluation.json"]));
        Assert.Equal(4, Run("owned", metrics: "psnr").Resumed); // its own
    }

    /// <summary>The folder is taken away and another evaluation started in it while one runs: neither takes the other's batches.</summary>
    [Fact]
    public void A_batch_that_another_evaluation_writes_meanwhile_is_not_adopted()
    {
        Run("strange", seed: 4, metrics: "psnr");
        var images = Images(2);
        var plan = MetricPlan.Create(MetricKinds.Parse(["psnr"]), images.Given, _tools, reference: null);
        var moved = false;
        var told = new Told(_ =>
        {
            if (moved || !File.Exists(_folder["mine/batches/00000000.npz"]))
                return;
            moved = true;
            File.Copy(_folder["strange/batches/00000002.npz"], _folder["mine/batches/00000004.npz"]);
        });
        var error = Assert.Throws<ConfigurationException>(() =>
            EvaluationRun.Run(images, plan, _folder["mine"], new JsonObject { ["seed"] = 3 }, new SingleProcess(), null, told)
        );
        Assert.Contains("00000004.npz: is of another evaluation", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Batches_of_earlier_versions_are_taken_with_their_settings_and_refused_without()
    {
        var whole = Run("earlier", metrics: "psnr");
        foreach (var path in Batches("earlier"))
        {
            KeyValuePair<string, NpyArray>[] kept;
            using (var file = Npz.Read(path))
                kept = [.. file.Names.Where(n => n != "owner").Select(n => KeyValuePair.Create(n, file.Read(n)))];
            Npz.Write(path, kept);
        }
        var again = Run("earlier", metrics: "psnr");
        Assert.Equal((4, whole.Results[0]), (again.Resumed, again.Results[0]));
        File.Delete(_folder["earlier/evaluation.json"]);
        Assert.Contains("an unknown evaluation", Assert.Throws<ConfigurationException>(() => Run("earlier", metrics: "psnr")).Message);
    }

    [Fact]
    public void The_first_sample_does_not_depend_on_how_many_there_are()
    {
        var one = Run("samples1", samples: 1, metrics: "psnr,residual");
        var three = Run("samples3", samples: 3, metrics: "psnr,residual");
        Assert.Equal(one.Results[0].Value.Mean, three.Results[0].Value.Mean, 1e-4);
    }

    private string[] Batches(string folder) => [.. Directory.GetFiles(_folder[$"{folder}/batches"]).Order()];

    private RestoredImages Images(int samples, double noise = 0, ulong seed = 3, string method = "edm") =>
        new(
            _set,
            DegradationSpec.Parse("box:0,0,8,16"),
            new Contestant("model", _network, method, method == "mmse" ? new() : new SamplerOptions { Steps = 2 }, Project: false),
            new()
            {
                Count = 7,
                BatchSize = 2,
                Seed = seed,
                SigmaY = noise,
            },
            samples
        );

    private EvaluationOutcome Run(
        string folder,
        int samples = 2,
        ulong seed = 3,
        string metrics = Metrics,
        ICollective? ranks = null,
        Action<string>? notice = null,
        CancellationTokenSource? stop = null,
        int stopAfter = 0,
        string method = "edm"
    )
    {
        var images = Images(samples, seed: seed, method: method);
        var plan = MetricPlan.Create(MetricKinds.Parse([metrics]), images.Given, _tools, reference: null);
        var told = new Told(_ =>
        {
            if (Directory.Exists(_folder[$"{folder}/batches"]) && Batches(folder).Length == stopAfter)
                stop?.Cancel();
        });
        return EvaluationRun.Run(
            images,
            plan,
            _folder[folder],
            new JsonObject { ["seed"] = seed },
            ranks ?? new SingleProcess(),
            notice,
            told,
            stop?.Token ?? TestContext.Current.CancellationToken
        );
    }

    private sealed class Told(Action<(double Done, double Total)> tell) : IProgress<(double Done, double Total)>
    {
        public void Report((double Done, double Total) value) => tell(value);
    }
}
