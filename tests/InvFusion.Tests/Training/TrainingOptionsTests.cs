using InvFusion.Diffusion;
using InvFusion.Models;
using InvFusion.Runtime;
using InvFusion.Training;
using Xunit;

namespace InvFusion.Tests.Training;

public class TrainingOptionsTests
{
    private static readonly TrainingOptions Options = TestRuns.Options;

    private static readonly TrainingOptions Noisy = Options with
    {
        Network = Options.Network with { NoiseConditioning = true },
        SigmaY = 0,
        SigmaYMax = 0.5,
        SigmaYSmall = new(),
    };

    [Fact]
    public void Json_round_trip_keeps_every_value()
    {
        var options = Options with
        {
            Loss = new() { LogSigmaMean = -1.25 },
            Ema = new() { PublicRampUp = true },
            LearningRate = new() { CoolDownImages = 12 },
            WarmStart = "a.safetensors",
            SharedDegradations = true,
            Seed = ulong.MaxValue,
            Degradations = ["sr", "box"],
            Optimizer = new() { Kind = OptimizerKind.Muon, MuonRate = 0.5 },
        };
        var read = TrainingOptions.FromJson(options.ToJson(), "test");
        Assert.Equal(options.ToJson(), read.ToJson());
        Assert.Equal(options.Optimizer, read.Optimizer);
        Assert.Equal((options.Loss, options.Ema, options.LearningRate, options.Seed), (read.Loss, read.Ema, read.LearningRate, read.Seed));
    }

    [Theory]
    [InlineData("{\"batch\": \"many\"}", "batch (line 1): is \"many\"; it must be a whole number")]
    [InlineData("{\n \"batch\": 2.5}", "batch (line 2): is 2.5; it must be a whole number")]
    [InlineData("{\"batch\": 99999999999}", "batch (line 1): is 99999999999; it must be a whole number up to 2147483647")]
    [InlineData("{\"seed\": -1}", "seed (line 1): is -1; it must be a whole number from 0")]
    [InlineData("{\"horizontalFlip\": 1}", "horizontalFlip (line 1): is 1; it must be true or false")]
    [InlineData("{\"loss\": {\"kind\": \"Foo\"}}", "loss.kind (line 1): is \"Foo\"; it must be one of Edm, Mmse, Nppc")]
    [InlineData("{\"degradations\": \"box\"}", "degradations (line 1): is \"box\"; it must be a list")]
    [InlineData("{\"degradations\": [1]}", "degradations[0] (line 1): is 1; it must be text in quotes")]
    [InlineData(
        "{\"network\": {\"levels\": [{\"width\": \"x\"}]}}",
        "network.levels[0].width (line 1): is \"x\"; it must be a whole number"
    )]
    [InlineData("{\"learningRate\": {\"rate\": \"0,1\"}}", "learningRate.rate (line 1): is \"0,1\"; it must be a number with a point")]
    [InlineData("{\"learningRate\": {\"rate\": 0,1}}", "is not JSON: ")]
    [InlineData("{\"seed\": -1,", "seed (line 1): must be a whole number")]
    [InlineData("{\"batches\": 1}", "the key 'batches' is unknown")]
    [InlineData("{\"data\": null}", "data (line 1): must not be null")]
    [InlineData("{}", "lacks 'data', 'network'")]
    public void What_is_wrong_with_a_file_is_said_in_its_own_words(string json, string words)
    {
        var error = Assert.Throws<ConfigurationException>(() => TrainingOptions.FromJson(json, "a.json"));
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        Assert.StartsWith("a.json: ", error.Message);
        Assert.DoesNotContain("System.", error.Message);
        Assert.DoesNotContain("InvFusion.", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("{\"seed\": tLONG}")]
    [InlineData("{\"LONG\": 1}")]
    [InlineData("{\"network\": {\"LONG\": 1}}")]
    [InlineData("{\"seed\": \"LONG\"}")]
    public void A_message_is_short_whatever_the_file_holds(string json)
    {
        var text = json.Replace("LONG", new string('x', 5000), StringComparison.Ordinal);
        var error = Assert.Throws<ConfigurationException>(() => TrainingOptions.FromJson(text, "a.json"));
        Assert.InRange(error.Message.Length, 0, 700);
    }

    [Fact]
    public void Small_noise_is_as_frequent_as_its_options_say()
    {
        var options = Noisy with
        {
            SigmaYSmall = new()
            {
                Below = 0.03,
                Share = 0.4,
                ZeroShare = 0.25,
            },
        };
        options.Validate();
        var levels = Enumerable.Range(0, 4000).Select(i => options.DrawSigmaY(new RandomStream(1, (ulong)i))).ToArray();
        var small = levels.Where(s => s is > 0 and < 0.03).ToArray();
        var large = levels.Where(s => s >= 0.03).ToArray();
        // Four standard deviations of a share of 4000 draws are at most 0.031.
        Assert.InRange(levels.Count(s => s == 0) / 4000.0, 0.08, 0.12);
        Assert.InRange(small.Length / 4000.0, 0.27, 0.33);
        Assert.Equal(4000, levels.Count(s => s == 0) + small.Length + large.Length);
        Assert.InRange(small.Average(), 0.0139, 0.0161); // of U(0, 0.03): 0.015, four standard errors 0.001
        Assert.InRange(large.Average(), 0.253, 0.277); // of U(0.03, 0.5): 0.265, four standard errors 0.011
        Assert.True(large.Max() is < 0.5 and > 0.499);
    }

    [Fact]
    public void Without_the_option_noise_is_drawn_as_before()
    {
        var uniform = Noisy with { SigmaY = 0.1, SigmaYSmall = null };
        Assert.Equal(new RandomStream(1, 5).NextUniform(0.1, 0.5), uniform.DrawSigmaY(new RandomStream(1, 5)));
        Assert.Equal(0.1, (uniform with { SigmaYMax = null }).DrawSigmaY(new RandomStream(1, 5)));
    }

    [Fact]
    public void Empty_options_of_small_noise_are_the_defaults_and_unknown_keys_are_refused()
    {
        var json = Noisy.ToJson();
        Assert.Equal(new SmallNoiseOptions(), TrainingOptions.FromJson(json, "test").SigmaYSmall);
        Assert.Equal(new SmallNoiseOptions(), TrainingOptions.FromJson(Edited("{}"), "test").SigmaYSmall);
        Assert.Null(TrainingOptions.FromJson(Edited("null"), "test").SigmaYSmall);
        var error = Assert.Throws<ConfigurationException>(() => TrainingOptions.FromJson(Edited("""{"bellow": 0.1}"""), "test"));
        Assert.Contains("bellow", error.Message, StringComparison.Ordinal);

        string Edited(string value)
        {
            var node = System.Text.Json.Nodes.JsonNode.Parse(json)!;
            node["sigmaYSmall"] = System.Text.Json.Nodes.JsonNode.Parse(value);
            return node.ToJsonString();
        }
    }

    [Fact]
    public void Keys_that_are_left_out_keep_their_defaults()
    {
        var json =
            $$"""{"data": "x", "network": {{TestRuns.Options.Network.ToJson()}}, "loss": {"logSigmaStd": 2}, /* why */ "batch": 4,}""";
        var read = TrainingOptions.FromJson(json, "test");
        Assert.Equal(
            (4, 1, 1L << 20, "auto", true, 2),
            (read.Batch, read.Rounds, read.Images, read.Precision, read.HorizontalFlip, read.KeepCheckpoints)
        );
        Assert.Equal((-0.8, 2.0), (read.Loss.LogSigmaMean, read.Loss.LogSigmaStd));
        Assert.Equal(
            (OptimizerKind.Adam, 0.9, 0.99, 1e-8, 0.0),
            (read.Optimizer.Kind, read.Optimizer.Beta1, read.Optimizer.Beta2, read.Optimizer.Epsilon, read.Optimizer.WeightDecay)
        );
        Assert.Equal((5e-5, 32768.0), (read.LearningRate.Rate, read.LearningRate.ReferenceBatches));
        Assert.Equal(7, read.Degradations.Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.25)]
    public void A_share_of_the_samples_is_trained_at_the_noise_of_the_mean(double share)
    {
        var loss = new LossOptions { MmseShare = share };
        var highest = (Math.Log(MmseEstimator.Sigma) - loss.LogSigmaMean) / loss.LogSigmaStd;
        var normals = Enumerable.Range(0, 4000).Select(i => loss.DrawNormal(new RandomStream(1, (ulong)i))).ToArray();
        Assert.InRange(normals.Count(n => n == highest) / 4000.0, share * 0.88, share * 1.12);
        var others = normals.Where(n => n != highest).ToArray();
        Assert.InRange(others.Average(), -0.06, 0.06);
        Assert.Equal(new RandomStream(1, 5).NextNormal(), new LossOptions().DrawNormal(new RandomStream(1, 5)));
    }

    [Theory]
    [InlineData("""{"data": "x", "network": NET, "bach": 4}""", "bach")]
    [InlineData("""{"data": "x", "network": NET, "loss": {"mean": 1}}""", "mean")]
    [InlineData("""{"data": "x", "network": NET, "loss": null}""", "loss")]
    [InlineData("""{"data": "x", "network": NET, "loss": {"kind": "Elbo"}}""", "loss")]
    [InlineData("""{"data": "x", "network": NET, "optimizer": {"kind": "Sgd"}}""", "optimizer")]
    [InlineData("""{"data": "x", "network": NET, "optimizer": {"decay": 1}}""", "decay")]
    [InlineData("""{"data": "x", "network": NET, "degradations": null}""", "degradations")]
    [InlineData("""{"data": "x", "network": NET, "degradations": [null]}""", "degradations")]
    [InlineData("""{"data": "x", "network": NET, "batch": 1.5}""", "batch")]
    [InlineData("""{"data": "x", "network": NET, "seed": -1}""", "seed")]
    [InlineData("""{"network": NET}""", "data")]
    [InlineData("""{"data": "x"}""", "network")]
    [InlineData("""{"data": "x", "network": {"resolution": 16, "patch": 2, "levels": []}}""", "levels")]
    public void A_text_that_is_no_run_is_refused_with_file_and_key(string json, string key)
    {
        json = json.Replace("NET", Options.Network.ToJson());
        var error = Assert.Throws<ConfigurationException>(() => TrainingOptions.FromJson(json, "run.json"));
        Assert.StartsWith("run.json: ", error.Message);
        Assert.Contains(key, error.Message);
    }

    public static TheoryData<string, TrainingOptions> Nonsense =>
        new()
        {
            { "batch", Options with { Batch = 0 } },
            { "rounds", Options with { Rounds = 0 } },
            { "images", Options with { Images = 0 } },
            { "sigmaY", Options with { SigmaY = -0.1 } },
            { "sigmaY", Options with { SigmaY = double.NaN } },
            { "learningRate.rate", Options with { LearningRate = new() { Rate = 0 } } },
            { "learningRate.rate", Options with { LearningRate = new() { Rate = double.NaN } } },
            { "learningRate.referenceBatches", Options with { LearningRate = new() { ReferenceBatches = double.NaN } } },
            { "learningRate.rampUpImages", Options with { LearningRate = new() { RampUpImages = -1 } } },
            { "learningRate.coolDownImages", Options with { LearningRate = new() { CoolDownImages = double.NaN } } },
            { "ema.halfLifeImages", Options with { Ema = new() { HalfLifeImages = double.NaN } } },
            { "ema.halfLifeImages", Options with { Ema = new() { HalfLifeImages = 0 } } },
            { "ema.rampUpRatio", Options with { Ema = new() { RampUpRatio = -1 } } },
            { "loss.logSigmaStd", Options with { Loss = new() { LogSigmaStd = 0 } } },
            { "loss.logSigmaStd", Options with { Loss = new() { LogSigmaStd = double.PositiveInfinity } } },
            { "loss.logSigmaMean", Options with { Loss = new() { LogSigmaMean = double.NaN } } },
            { "optimizer.kind", Options with { Optimizer = new() { Kind = (OptimizerKind)7 } } },
            { "optimizer.beta1", Options with { Optimizer = new() { Beta1 = 1 } } },
            { "optimizer.beta2", Options with { Optimizer = new() { Beta2 = double.NaN } } },
            { "optimizer.epsilon", Options with { Optimizer = new() { Epsilon = 0 } } },
            {
                "optimizer.momentum",
                Options with
                {
                    Optimizer = new() { Kind = OptimizerKind.Muon, Momentum = 1 },
                }
            },
            { "optimizer.momentum", Options with { Optimizer = new() { Momentum = 0.9 } } },
            {
                "optimizer.muonRate",
                Options with
                {
                    Optimizer = new() { Kind = OptimizerKind.Muon, MuonRate = 0 },
                }
            },
            { "optimizer.muonRate", Options with { Optimizer = new() { MuonRate = 2 } } },
            { "optimizer.weightDecay", Options with { Optimizer = new() { WeightDecay = -0.1 } } },
            { "powerEma.stds", Options with { PowerEma = new() { Stds = [0.05, 0.5] } } },
            { "powerEma.stds", Options with { PowerEma = new() { Stds = [0.05, 0.05] } } },
            { "powerEma.snapshotImages", Options with { PowerEma = new() { SnapshotImages = 0 } } },
            { "augmentation", Options with { Augmentation = 1.5 } },
            { "augmentation", Options with { Augmentation = double.NaN } },
            { "loss.kind", Options with { Loss = new() { Kind = LossKind.Nppc } } },
            { "loss.kind", Options with { Network = Options.Network with { Directions = 2 } } },
            {
                "loss.kind",
                Options with
                {
                    Loss = new() { Kind = LossKind.Mmse },
                    Network = Options.Network with { Kind = NetworkKind.Unconditional },
                }
            },
            { "loss.consistencyWeight", Options with { Loss = new() { ConsistencyWeight = -1 } } },
            { "loss.directionWeight", Options with { Loss = new() { DirectionWeight = double.NaN } } },
            { "labelDrop", Options with { LabelDrop = 0.1 } },
            { "labelDrop", Options with { LabelDrop = -0.1, Network = Options.Network with { Classes = 2 } } },
            { "sigmaYMax", Options with { SigmaYMax = 0.01, Network = Options.Network with { NoiseConditioning = true } } },
            { "noiseConditioning", Options with { SigmaYMax = 0.5 } },
            {
                "noiseConditioning",
                Options with
                {
                    Network = Options.Network with { Kind = NetworkKind.Unconditional, NoiseConditioning = true },
                }
            },
            { "sigmaYSmall is given without sigmaYMax", Options with { SigmaY = 0, SigmaYSmall = new() } },
            { "sigmaYSmall is given with sigmaY 0.05", Noisy with { SigmaY = 0.05 } },
            { "sigmaYSmall.below", Noisy with { SigmaYSmall = new() { Below = 0.5 } } },
            { "sigmaYSmall.below", Noisy with { SigmaYSmall = new() { Below = 0 } } },
            { "sigmaYSmall.below", Noisy with { SigmaYSmall = new() { Below = double.NaN } } },
            { "sigmaYSmall.share", Noisy with { SigmaYSmall = new() { Share = 1.1 } } },
            { "sigmaYSmall.zeroShare", Noisy with { SigmaYSmall = new() { ZeroShare = -0.1 } } },
            {
                "loss.stratified",
                Options with
                {
                    Loss = new() { Kind = LossKind.Mmse, Stratified = true },
                }
            },
            { "mixedDegradations", Options with { MixedDegradations = true, SharedDegradations = true } },
            { "statusImages", Options with { StatusImages = 0 } },
            { "checkpointImages", Options with { CheckpointImages = -1 } },
            { "gridImages", Options with { GridImages = -1 } },
            { "keepCheckpoints", Options with { KeepCheckpoints = 0 } },
            { "degradations", Options with { Degradations = [] } },
            { "rain", Options with { Degradations = ["box", "rain"] } },
            { "fp16", Options with { Precision = "fp16" } },
            { "dropout", Options with { Network = Options.Network with { Dropout = 2 } } },
        };

    [Theory, MemberData(nameof(Nonsense), DisableDiscoveryEnumeration = true)]
    public void A_value_out_of_range_is_refused_by_its_key(string key, TrainingOptions options)
    {
        var error = Assert.Throws<ConfigurationException>(() => options.Validate("run.json"));
        Assert.Contains(key, error.Message);
        Assert.StartsWith("run.json: ", error.Message);
    }

    public static TheoryData<string, TrainingOptions> Changes =>
        new()
        {
            { "seed", Options with { Seed = 8 } },
            { "batch", Options with { Batch = 4 } },
            { "rate", Options with { LearningRate = Options.LearningRate with { Rate = 1e-3 } } },
            { "logSigmaMean", Options with { Loss = new() { LogSigmaMean = 0 } } },
            {
                "width",
                Options with
                {
                    Network = Options.Network with { Levels = [Options.Network.Levels[0], Options.Network.Levels[1] with { Width = 96 }] },
                }
            },
            { "kind", Options with { Network = Options.Network with { Kind = NetworkKind.Blind } } },
            { "precision", Options with { Precision = "bf16" } },
            { "motion", Options with { Degradations = ["motion"] } },
            { "horizontalFlip", Options with { HorizontalFlip = false } },
            // The same lines in another order: another mixture, so another run.
            { "degradations", Options with { Degradations = [.. Options.Degradations.Reverse()] } },
            // The two levels change places: no line is new, but the network is another.
            { "levels", Options with { Network = Options.Network with { Levels = [.. Options.Network.Levels.Reverse()] } } },
            // A value that occurs elsewhere in the file.
            { "rounds", Options with { Rounds = 1 } },
            { "powerEma.stds", Options with { PowerEma = new() { Stds = [0.1] } } },
            { "optimizer.kind", Options with { Optimizer = new() { Kind = OptimizerKind.Muon } } },
            { "optimizer.beta2", Options with { Optimizer = new() { Beta2 = 0.95 } } },
            { "optimizer.weightDecay", Options with { Optimizer = new() { WeightDecay = 0.01 } } },
            { "augmentation", Options with { Augmentation = 0.1 } },
            { "mixedDegradations", Options with { MixedDegradations = true } },
            { "sigmaYSmall", Options with { SigmaYSmall = new() } },
            { "stratified", Options with { Loss = new() { Stratified = true } } },
            { "consistencyWeight", Options with { Loss = new() { ConsistencyWeight = 1 } } },
        };

    [Theory, MemberData(nameof(Changes), DisableDiscoveryEnumeration = true)]
    public void A_run_does_not_go_on_under_options_that_change_its_results(string key, TrainingOptions options)
    {
        var error = Assert.Throws<ConfigurationException>(() => options.CheckResumable(Options, "runs/a"));
        Assert.StartsWith("runs/a: ", error.Message);
        Assert.Contains(key, error.Message);
        Assert.Contains("options.json", error.Message);
    }

    [Fact]
    public void Lengths_and_intervals_may_change() =>
        (Options with { Images = 99, StatusImages = 1, CheckpointImages = 2, GridImages = 3, KeepCheckpoints = 4 }).CheckResumable(
            Options,
            "run"
        );
}
