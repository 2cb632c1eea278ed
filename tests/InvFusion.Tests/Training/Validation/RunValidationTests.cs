using System.Text.Json.Nodes;
using InvFusion.Models;
using InvFusion.Testing;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using InvFusion.Training;
using InvFusion.Training.Validation;
using Xunit;

namespace InvFusion.Tests.Training.Validation;

/// <summary>The validation of a run: it measures the averaged weights, leaves the training as it is, and its lines outlive a resume.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class RunValidationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TorchThreads _thread = new(1);

    private static readonly TrainingOptions Plain = TestRuns.Options with { CheckpointImages = 8 };

    private static readonly TrainingOptions Measured = Plain with
    {
        Validation = new()
        {
            Data = "held out",
            Number = 3,
            EveryImages = 12,
            Batch = 2,
            Degradations = ["matrix", "motion@0.1"],
            Sigmas = [0.2, 2],
        },
    };

    public void Dispose()
    {
        _thread.Dispose();
        _folder.Dispose();
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Training_has_the_same_bits_with_and_without(bool layersAnew)
    {
        Run(Plain with { GradientCheckpointing = layersAnew }, "plain");
        Run(Measured with { GradientCheckpointing = layersAnew }, "measured");
        TestRuns.AssertSameState(TestRuns.Checkpoints(_folder["plain"])[0], TestRuns.Checkpoints(_folder["measured"])[0]);
        Assert.Equal(
            File.ReadAllBytes(_folder["plain/network-ema.safetensors"]),
            File.ReadAllBytes(_folder["measured/network-ema.safetensors"])
        );
        Assert.Equal(Losses("plain"), Losses("measured"));
        Assert.Equal([12, 24, 32], Lines("measured", "validationLoss").Select(l => (long)l["images"]!)); // and at the end
        Assert.Empty(Lines("plain", "validationLoss"));
    }

    [Fact]
    public void The_line_has_the_values_of_the_averaged_weights()
    {
        Run(Measured, "run");
        using var network = NetworkFile.Load(_folder["run/network-ema.safetensors"]);
        using var images = new GeneratedSet(count: 5);
        var values = new ValidationLoss(images, Measured.Validation!).Measure(network, LossKind.Edm)!;
        var line = Lines("run", "validationLoss").Last();
        Assert.Equal(values.Totals().Average(), (double)line["validationLoss"]!, 1e-4);
        Assert.Equal(values.Losses(1).Average(), (double)line["degradations"]!["motion@0.1"]!["loss"]!, 1e-4);
        Assert.Equal(values.MeanError(0, 1), (double)line["degradations"]!["matrix"]!["mse"]![1]!, 1e-4);
        Assert.Equal([0.2, 2], line["sigmas"]!.AsArray().Select(s => (double)s!));
        Assert.NotEqual((double)Lines("run", "validationLoss").First()["validationLoss"]!, (double)line["validationLoss"]!);
    }

    [Fact]
    public void A_resumed_run_has_every_line_once()
    {
        Run(Measured, "whole");
        Run(Measured with { Images = 28, KeepCheckpoints = 9 }, "cut"); // with a line at its end
        // As a kill after image 28 leaves it: the newest whole checkpoint is that of 16, the last line is torn.
        foreach (var newer in TestRuns.Checkpoints(_folder["cut"]).Where(c => !c.EndsWith("16.safetensors", StringComparison.Ordinal)))
            File.Delete(newer);
        File.AppendAllText(_folder["cut/stats.jsonl"], """{"images":12,"validationLo""");
        Run(Measured, "cut");
        Assert.Equal(
            Lines("whole", "validationLoss").Select(l => l.ToJsonString()),
            Lines("cut", "validationLoss").Select(l => l.ToJsonString())
        );
        Assert.Equal(Losses("whole"), Losses("cut"));
        TestRuns.AssertSameState(TestRuns.Checkpoints(_folder["whole"])[0], TestRuns.Checkpoints(_folder["cut"])[0]);
    }

    [Fact]
    public void A_run_may_resume_with_another_validation_or_none()
    {
        Run(Measured with { Images = 16 }, "run");
        Run(Plain with { Images = 24 }, "run");
        Run(Measured with { Validation = Measured.Validation! with { Number = 1 } }, "run");
        Assert.Equal([12, 16, 32], Lines("run", "validationLoss").Select(l => (long)l["images"]!));
        Run(Plain, "plain");
        TestRuns.AssertSameState(TestRuns.Checkpoints(_folder["plain"])[0], TestRuns.Checkpoints(_folder["run"])[0]);
    }

    [Fact]
    public void A_stop_during_a_validation_leaves_its_line_out_and_the_run_whole()
    {
        using var stop = new CancellationTokenSource();
        using (var images = new GeneratedSet())
        using (var heldOut = new StoppingSet(stop))
        using (var trainer = new Trainer(Measured, _folder["run"], images, validation: heldOut))
        {
            trainer.Run(cancellation: stop.Token);
            Assert.Equal(12, trainer.ImagesSeen);
        }
        Assert.Empty(Lines("run", "validationLoss"));
        Run(Measured, "run");
        Run(Plain, "plain");
        TestRuns.AssertSameState(TestRuns.Checkpoints(_folder["plain"])[0], TestRuns.Checkpoints(_folder["run"])[0]);
    }

    [Fact]
    public void A_set_or_an_option_that_does_not_fit_is_refused_before_the_run()
    {
        using var images = new GeneratedSet();
        using var small = new GeneratedSet(size: 8);
        using var few = new GeneratedSet(count: 2);
        Refused("validation.data held out: the images are 3×8×8", () => Open(small));
        Refused("number is 3", () => Open(few));
        Refused("run.json: validation.everyImages is 0", () => With(v => v with { EveryImages = 0 }).Validate("run.json"));
        Refused("run.json: validation.degradations has 'rain'", () => With(v => v with { Degradations = ["rain"] }).Validate("run.json"));
        Assert.False(Directory.Exists(_folder["no"]));
        var read = TrainingOptions.FromJson(Measured.ToJson(), "test");
        Assert.Equal(Measured.ToJson(), read.ToJson());

        void Open(GeneratedSet heldOut)
        {
            using var trainer = new Trainer(Measured, _folder["no"], images, validation: heldOut);
        }

        static TrainingOptions With(Func<ValidationOptions, ValidationOptions> change) =>
            Measured with
            {
                Validation = change(Measured.Validation!),
            };
    }

    private void Run(TrainingOptions options, string folder)
    {
        using var images = new GeneratedSet();
        using var heldOut = new GeneratedSet(count: 5);
        using var trainer = new Trainer(options, _folder[folder], images, validation: heldOut);
        trainer.Run();
    }

    private static void Refused(string words, Action action) =>
        Assert.Contains(words, Assert.Throws<ConfigurationException>(action).Message, StringComparison.Ordinal);

    private IEnumerable<JsonNode> Lines(string folder, string key) =>
        File.ReadAllLines(_folder[$"{folder}/stats.jsonl"]).Select(l => JsonNode.Parse(l)!).Where(l => l[key] is not null);

    private (long, double, double)[] Losses(string folder) =>
        [.. Lines(folder, "loss").Select(l => ((long)l["images"]!, (double)l["loss"]!, (double)l["consistency"]!))];
}
