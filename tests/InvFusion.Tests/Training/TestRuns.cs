using InvFusion.Formats.Safetensors;
using InvFusion.Tests.Models;
using InvFusion.Training;
using Xunit;

namespace InvFusion.Tests.Training;

/// <summary>Runs that take moments.</summary>
internal static class TestRuns
{
    /// <summary>Everything that draws random numbers is on: all families, flips, dropout, noise on the measurement; steps of two passes.</summary>
    public static TrainingOptions Options { get; } =
        new()
        {
            Data = "generated",
            Network = TestNetworks.Configuration,
            SigmaY = 0.05,
            Batch = 2,
            Rounds = 2,
            Images = 32,
            Precision = "fp32",
            Seed = 7,
            LearningRate = new() { Rate = 2e-3, RampUpImages = 16 },
            StatusImages = 4,
            CheckpointImages = 16,
            GridImages = 0,
        };

    /// <summary>Opens the run, trains to its end and closes it.</summary>
    public static void Run(TrainingOptions options, string folder, List<string>? warnings = null, CancellationToken cancellation = default)
    {
        using var images = new GeneratedSet(classes: options.Network.Classes);
        using var trainer = new Trainer(options, folder, images, warn: (warnings ?? []).Add);
        trainer.Run(cancellation: cancellation);
    }

    /// <summary>Trains until so many images are seen, as after an interrupt from the keyboard.</summary>
    public static void RunUntil(long images, TrainingOptions options, string folder)
    {
        using var set = new GeneratedSet(classes: options.Network.Classes);
        using var trainer = new Trainer(options, folder, set);
        using var stop = new CancellationTokenSource();
        trainer.Run(
            new Watcher(status =>
            {
                if (status.Images >= images)
                    stop.Cancel();
            }),
            stop.Token
        );
        Assert.Equal(images, trainer.ImagesSeen);
    }

    /// <summary>Checkpoints of a folder, newest first.</summary>
    public static string[] Checkpoints(string folder) =>
        [.. Directory.GetFiles(folder, "state-*.safetensors").OrderDescending(StringComparer.Ordinal)];

    /// <summary>Every tensor of two files has the same bits: weights, moments and average; images and steps agree.</summary>
    public static void AssertSameState(string expected, string actual)
    {
        using SafetensorsFile a = SafetensorsFile.Open(expected),
            b = SafetensorsFile.Open(actual);
        Assert.Equal(a.Tensors.Keys.Order(), b.Tensors.Keys.Order());
        Assert.Contains("adam/second", a.Tensors.Keys);
        foreach (var name in a.Tensors.Keys)
            Assert.True(a.Bytes(name).SequenceEqual(b.Bytes(name)), $"'{name}' differs");
        foreach (var key in (string[])["images", "steps"])
            Assert.Equal(a.Metadata[key], b.Metadata[key]);
    }

    /// <summary>Called at once, unlike <see cref="Progress{T}"/>.</summary>
    internal sealed class Watcher(Action<TrainingStatus> report) : IProgress<TrainingStatus>
    {
        public void Report(TrainingStatus value) => report(value);
    }
}
