using System.Text.Json.Nodes;
using InvFusion.Formats.Numpy;
using InvFusion.Formats.Safetensors;
using InvFusion.Models;
using InvFusion.Testing;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using InvFusion.Training;
using Xunit;

namespace InvFusion.Tests.Training;

[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class ResumeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TorchThreads _thread = new(1);

    public void Dispose()
    {
        _thread.Dispose();
        _folder.Dispose();
    }

    private string A => _folder["a"];
    private string B => _folder["b"];

    [Theory]
    [InlineData("fp32", NetworkKind.InvFusion, 0)]
    [InlineData("bf16", NetworkKind.InvFusion, 0)]
    [InlineData("fp32", NetworkKind.Blind, 3)]
    [InlineData("fp32", NetworkKind.Unconditional, 0)]
    public void A_resumed_run_is_equal_to_an_uninterrupted_one_to_the_bit(string precision, NetworkKind kind, int classes)
    {
        var options = TestRuns.Options with
        {
            Precision = precision,
            Network = TestRuns.Options.Network with { Kind = kind, Classes = classes },
        };
        TestRuns.Run(options, A);
        TestRuns.Run(options with { Images = 16 }, B);
        TestRuns.Run(options, B);
        AssertSame();
        Assert.Equal(Losses(A), Losses(B));
    }

    [Fact]
    public void A_run_does_not_resume_with_another_mask_under_the_same_name()
    {
        var mask = _folder["mask.npy"];
        Npy.Write(mask, Mask(keep: 3));
        var options = TestRuns.Options with { Degradations = [$"mask:{mask}"] };
        TestRuns.Run(options with { Images = 16 }, A);
        Assert.Contains(mask, File.ReadAllText(Path.Combine(A, "options.json")));
        Npy.Write(mask, Mask(keep: 5));
        var error = Assert.Throws<ConfigurationException>(() => TestRuns.Run(options, A));
        Assert.Contains("degradationFiles", error.Message, StringComparison.Ordinal);
        Npy.Write(mask, Mask(keep: 3));
        TestRuns.Run(options, A);
        TestRuns.Run(options, B);
        AssertSame();

        static NpyArray Mask(int keep)
        {
            var side = TestRuns.Options.Network.Resolution;
            return NpyArray.FromSingles([.. Enumerable.Range(0, side * side).Select(i => i % side < keep ? 1f : 0f)], side, side);
        }
    }

    public static TheoryData<string, TrainingOptions> Everything
    {
        get
        {
            var all = TestRuns.Options with
            {
                CheckpointImages = 1000,
                Augmentation = 0.5,
                LabelDrop = 0.3,
                SigmaYMax = 0.4,
                PowerEma = new() { Stds = [0.05, 0.1], SnapshotImages = 12 },
                Network = TestRuns.Options.Network with { Classes = 3, NoiseConditioning = true },
            };
            var data = new TheoryData<string, TrainingOptions>
            {
                { "edm, bf16", all with { Precision = "bf16" } },
                {
                    "edm, mixed families, consistency",
                    all with
                    {
                        MixedDegradations = true,
                        Loss = new() { ConsistencyWeight = 0.5, MmseShare = 0.3 },
                    }
                },
                {
                    "edm, stratified, small noise",
                    all with
                    {
                        Degradations = ["pixels", "rows", "gaussian", "disk", "compressed", "none"],
                        SigmaY = 0,
                        SigmaYSmall = new(),
                        Loss = new() { Stratified = true, MmseShare = 0.2 },
                    }
                },
                { "edm, as the public code draws", all with { SharedDegradations = true } },
                {
                    "edm, Muon",
                    all with
                    {
                        Optimizer = new() { Kind = OptimizerKind.Muon, WeightDecay = 0.1 },
                    }
                },
                { "edm, layers computed anew", all with { GradientCheckpointing = true } },
            };
            // Every loss of every kind that it is defined for, with classes and without.
            foreach (var loss in Enum.GetValues<LossKind>())
            foreach (var kind in Enum.GetValues<NetworkKind>())
            foreach (var classes in (int[])[0, 3])
                if (loss == LossKind.Edm || kind != NetworkKind.Unconditional)
                    data.Add($"{loss}, {kind}, {classes} classes", Of(all, loss, kind, classes));
            return data;
        }
    }

    private static TrainingOptions Of(TrainingOptions all, LossKind loss, NetworkKind kind, int classes) =>
        all with
        {
            LabelDrop = classes > 0 ? all.LabelDrop : 0,
            SigmaYMax = kind == NetworkKind.Unconditional ? null : all.SigmaYMax,
            Loss = new() { Kind = loss, ConsistencyWeight = loss == LossKind.Nppc ? 0.1 : 0 },
            Network = all.Network with
            {
                Kind = kind,
                Classes = classes,
                NoiseConditioning = kind != NetworkKind.Unconditional,
                Directions = loss == LossKind.Nppc ? 2 : 0,
            },
        };

    [Theory, MemberData(nameof(Everything), DisableDiscoveryEnumeration = true)]
    public void Every_loss_and_kind_resumes_to_the_bit_from_any_step(string name, TrainingOptions options)
    {
        var step = Random.Shared.Next(1, 8);
        TestContext.Current.TestOutputHelper?.WriteLine($"{name}: interrupted after step {step} of 8");
        TestRuns.Run(options, A);
        TestRuns.RunUntil(step * options.StepImages, options, B);
        TestRuns.Run(options, B);
        AssertSame();
        Assert.Equal(Losses(A), Losses(B));
        foreach (var snapshot in Directory.GetFiles(A, "ema-*.safetensors"))
            Assert.Equal(File.ReadAllBytes(snapshot), File.ReadAllBytes(Path.Combine(B, Path.GetFileName(snapshot))));
        Assert.Equal(6, Directory.GetFiles(B, "ema-*.safetensors").Length); // at 12, 24 and the end
    }

    [Fact]
    public void A_cancelled_run_leaves_a_checkpoint_and_goes_on_from_it()
    {
        var options = TestRuns.Options with { CheckpointImages = 1000 };
        TestRuns.Run(options, A);
        TestRuns.RunUntil(8, options, B);
        Assert.EndsWith("000000000008.safetensors", TestRuns.Checkpoints(B).Single());
        TestRuns.RunUntil(20, options, B);
        TestRuns.Run(options, B);
        AssertSame();
    }

    [Fact]
    public void A_run_that_is_cancelled_before_it_starts_can_be_started_later()
    {
        TestRuns.Run(TestRuns.Options, A);
        TestRuns.Run(TestRuns.Options, B, cancellation: new CancellationToken(canceled: true));
        TestRuns.Run(TestRuns.Options, B);
        AssertSame();
    }

    [Fact]
    public void Statistics_that_ran_ahead_of_the_checkpoint_are_dropped()
    {
        TestRuns.Run(TestRuns.Options, A);
        TestRuns.Run(TestRuns.Options with { Images = 28, CheckpointImages = 8, KeepCheckpoints = 9 }, B);
        // As a kill after image 28 leaves it: the newest whole checkpoint is older, the last line is torn.
        foreach (var newer in TestRuns.Checkpoints(B).Where(c => !c.EndsWith("16.safetensors", StringComparison.Ordinal)))
            File.Delete(newer);
        File.AppendAllText(Stats(B), """{"images":32,"totalIm""");
        TestRuns.Run(TestRuns.Options, B);
        Assert.Equal([4, 8, 12, 16, 20, 24, 28, 32], Images(B));
        Assert.Equal(Losses(A), Losses(B));
        AssertSame();
    }

    [Fact]
    public void A_finished_run_stays_as_it_is_and_can_be_prolonged()
    {
        TestRuns.Run(TestRuns.Options with { Images = 48 }, A);
        TestRuns.Run(TestRuns.Options, B);
        var before = File.ReadAllText(Stats(B));
        TestRuns.Run(TestRuns.Options, B);
        Assert.Equal(before, File.ReadAllText(Stats(B)));
        TestRuns.Run(TestRuns.Options with { Images = 48 }, B);
        AssertSame();
    }

    [Fact]
    public void Changed_options_are_refused_by_name()
    {
        TestRuns.RunUntil(4, TestRuns.Options, A);
        var options = File.ReadAllText(Path.Combine(A, "options.json"));
        var error = Assert.Throws<ConfigurationException>(() => TestRuns.Run(TestRuns.Options with { Seed = 8 }, A));
        Assert.Contains("seed: 7, now 8", error.Message);
        Assert.Equal(options, File.ReadAllText(Path.Combine(A, "options.json")));
    }

    [Fact]
    public void Other_images_under_the_same_path_are_refused_and_the_same_ones_under_another_are_taken()
    {
        TestRuns.RunUntil(4, TestRuns.Options, A);
        using (var fewer = new GeneratedSet(count: 11))
        {
            var error = Assert.Throws<ConfigurationException>(() => new Trainer(TestRuns.Options, A, fewer));
            Assert.StartsWith(A, error.Message);
            Assert.Contains("are not those that the run was started with (generated: 12", error.Message);
        }
        using (var changed = new ChangedSet())
            Assert.Throws<ConfigurationException>(() => new Trainer(TestRuns.Options, A, changed));
        TestRuns.Run(TestRuns.Options with { Data = "moved", Images = 8 }, A);
        Assert.Contains("\"moved\"", File.ReadAllText(Path.Combine(A, "options.json")));
        Assert.Contains("\"moved\"", File.ReadAllText(Path.Combine(A, "data.json")));
    }

    [Fact]
    public void A_run_that_does_not_know_its_images_is_held_to_their_path()
    {
        TestRuns.RunUntil(4, TestRuns.Options, A);
        File.Delete(Path.Combine(A, "data.json"));
        var error = Assert.Throws<ConfigurationException>(() => TestRuns.Run(TestRuns.Options with { Data = "moved" }, A));
        Assert.Contains("data: \"generated\", now \"moved\"", error.Message);
        TestRuns.Run(TestRuns.Options with { Images = 8 }, A);
        Assert.True(File.Exists(Path.Combine(A, "data.json")));
    }

    // One pixel of one image is another.
    private sealed class ChangedSet : InvFusion.Data.IImageSet
    {
        private readonly GeneratedSet _set = new();

        public int Count => _set.Count;
        public int Channels => _set.Channels;
        public int Size => _set.Size;
        public IReadOnlyList<string> Names => _set.Names;
        public int ClassCount => 0;

        public int Label(int index) => -1;

        public void Read(int index, Span<byte> planes)
        {
            _set.Read(index, planes);
            if (index == 7)
                planes[100] ^= 1;
        }

        public void Dispose() => _set.Dispose();
    }

    [Fact]
    public void Options_of_a_version_without_a_choice_of_optimizers_resume_to_the_bit()
    {
        TestRuns.Run(TestRuns.Options, A);
        TestRuns.Run(TestRuns.Options with { Images = 16 }, B);
        var path = Path.Combine(B, "options.json");
        var options = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        Assert.True(options.Remove("optimizer"));
        File.WriteAllText(path, options.ToJsonString());
        using (var state = SafetensorsFile.Open(TestRuns.Checkpoints(B)[0]))
            Assert.DoesNotContain("optimizer", state.Metadata.Keys); // nor do their states name one
        TestRuns.Run(TestRuns.Options, B);
        AssertSame();
    }

    [Theory, InlineData(OptimizerKind.Adam, OptimizerKind.Muon), InlineData(OptimizerKind.Muon, OptimizerKind.Adam)]
    public void A_state_of_another_optimizer_is_refused(OptimizerKind before, OptimizerKind now)
    {
        var options = TestRuns.Options with { Images = 4 };
        TestRuns.Run(options with { Optimizer = new() { Kind = before } }, A);
        var other = options with { Optimizer = new() { Kind = now } };
        var error = Assert.Throws<ConfigurationException>(() => TestRuns.Run(other, A));
        Assert.Contains($"optimizer.kind: \"{before}\", now \"{now}\"", error.Message);
        File.Delete(Path.Combine(A, "options.json"));
        error = Assert.Throws<ConfigurationException>(() => TestRuns.Run(other, A));
        Assert.StartsWith(TestRuns.Checkpoints(A)[0], error.Message);
        Assert.Contains($"of a run with {before}, and optimizer.kind is {now}", error.Message);
    }

    public static TheoryData<string> Damages => ["truncated", "empty", "weights", "images", "names"];

    [Theory, MemberData(nameof(Damages))]
    public void A_damaged_checkpoint_is_passed_over_with_a_warning(string damage)
    {
        TestRuns.Run(TestRuns.Options, A);
        TestRuns.Run(TestRuns.Options with { Images = 24, CheckpointImages = 8 }, B);
        var newest = TestRuns.Checkpoints(B)[0];
        Damage(newest, damage);
        var warnings = new List<string>();
        TestRuns.Run(TestRuns.Options, B, warnings);
        Assert.Contains("24.safetensors", Assert.Single(warnings));
        AssertSame();
    }

    [Fact]
    public void A_damaged_checkpoint_does_not_push_out_the_whole_ones()
    {
        var options = TestRuns.Options with { CheckpointImages = 8, KeepCheckpoints = 1 };
        TestRuns.RunUntil(24, options with { KeepCheckpoints = 2 }, B);
        Damage(TestRuns.Checkpoints(B)[0], "truncated");
        TestRuns.RunUntil(20, options, B); // from 16
        var warnings = new List<string>();
        using var images = new GeneratedSet();
        using var trainer = new Trainer(options, B, images, warnings.Add);
        Assert.Equal(20, trainer.ImagesSeen);
        Assert.Empty(warnings);
    }

    [Fact]
    public void A_run_of_which_no_checkpoint_is_whole_is_left_as_it_is()
    {
        TestRuns.Run(
            TestRuns.Options with
            {
                PowerEma = new() { Stds = [0.05], SnapshotImages = 16 },
            },
            B
        );
        foreach (var checkpoint in TestRuns.Checkpoints(B))
            Damage(checkpoint, "weights");
        var before = Directory.GetFiles(B).Order().ToDictionary(f => f, File.ReadAllBytes);
        foreach (var _ in (int[])[1, 2]) // and not taken for a new one at the next try
        {
            var error = Assert.Throws<DataFormatException>(() =>
                TestRuns.Run(
                    TestRuns.Options with
                    {
                        PowerEma = new() { Stds = [0.05], SnapshotImages = 16 },
                    },
                    B
                )
            );
            Assert.Contains($"{B}: no training state is whole", error.Message);
            Assert.Contains("32.safetensors: the checksum", error.Message);
        }
        Assert.Equal(before.Keys, Directory.GetFiles(B).Order());
        Assert.All(before, file => Assert.Equal(file.Value, File.ReadAllBytes(file.Key)));
    }

    private static void Damage(string path, string damage)
    {
        var bytes = File.ReadAllBytes(path);
        switch (damage)
        {
            case "truncated":
                bytes = bytes[..(bytes.Length / 2)];
                break;
            case "empty":
                bytes = [];
                break;
            case "weights":
                bytes[^(bytes.Length / 3)] ^= 4;
                break;
            case "images": // in the header, where it still reads well: "24" becomes "25"
                bytes[bytes.AsSpan().IndexOf("\"images\":\"24\""u8) + 11] ^= 1;
                break;
            case "names": // the moments under another name
                "fiRst"u8.CopyTo(bytes.AsSpan(bytes.AsSpan().IndexOf("adam/first"u8) + 5));
                break;
        }
        File.WriteAllBytes(path, bytes);
    }

    private void AssertSame()
    {
        TestRuns.AssertSameState(TestRuns.Checkpoints(A)[0], TestRuns.Checkpoints(B)[0]);
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(A, "network-ema.safetensors")),
            File.ReadAllBytes(Path.Combine(B, "network-ema.safetensors"))
        );
    }

    private static string Stats(string folder) => Path.Combine(folder, "stats.jsonl");

    private static IEnumerable<TrainingStatus> Lines(string folder) =>
        File.ReadLines(Stats(folder)).Select(l => InvFusion.Configuration.ConfigurationJson.Read<TrainingStatus>(l, "stats"));

    private static IEnumerable<long> Images(string folder) => Lines(folder).Select(s => s.Images);

    private static IEnumerable<(long, double, double, double?, double?, double)> Losses(string folder) =>
        Lines(folder).Select(s => (s.Images, s.Loss, s.Consistency, s.DirectionLoss, s.VarianceLoss, s.LearningRate));
}
