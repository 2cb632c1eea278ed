using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Models;
using InvFusion.Runtime;
using InvFusion.Training;
using static TorchSharp.torch;

namespace InvFusion.Evaluation.Speed;

/// <summary>One training step as <see cref="Trainer"/> takes it, on a batch that is ready: operators are drawn, forward, backward, optimizer and average.</summary>
internal static class TrainingPart
{
    private const int Passes = 3; // forward, and by inputs and by weights on the way back
    private const int GrowingSteps = 3; // the process still takes memory from the system in them, and clears it
    private const double LearningRate = 1e-5;
    private const double AverageBeta = 0.999;

    // Images of a step: what the shipped models were trained with, and what the same networks in PyTorch were measured with.
    private const int OwnBatch = 16;
    private static readonly Dictionary<string, int> Batches = new()
    {
        ["ffhq64"] = 2,
        ["small64"] = 32,
        ["small64p2"] = 32,
    };

    public static IEnumerable<SpeedCase> Cases(SpeedRequest request)
    {
        foreach (var wanted in request.Networks)
        foreach (var (precision, type) in request.Precisions)
        {
            manual_seed(SpeedRequest.Seed);
            using var network = new PreconditionedNetwork(wanted.Configuration) { ComputeType = type };
            network.train();
            using var parameters = new FlatParameters(network);
            using var adam = new FlatAdam(parameters);
            foreach (var (degradation, name) in SpeedProblem.Of(wanted.Configuration, request.FewDegradations))
            foreach (var batch in request.Batches(Batches.GetValueOrDefault(wanted.Name, OwnBatch)))
            {
                var step = new TrainingStep(network, Options(wanted, degradation, batch), CPU);
                var images = Images(wanted.Configuration, batch);
                yield return new(
                    $"{wanted.Name}, {name}, batch {batch}",
                    () =>
                    {
                        using (enable_grad())
                            step.Accumulate(images);
                        adam.Step(LearningRate, AverageBeta);
                    }
                )
                {
                    Precision = precision,
                    WarmUps = GrowingSteps,
                    MultiplyAdds = Passes * batch * NetworkCost.Of(wanted.Configuration).MultiplyAdds,
                };
            }
        }
    }

    private static TrainingOptions Options(SpeedNetwork network, DegradationSpec? degradation, int batch) =>
        new()
        {
            Data = "",
            Network = network.Configuration,
            Degradations = [degradation?.Text ?? "none"],
            Batch = batch,
            Seed = SpeedRequest.Seed,
            Loss = new() { Kind = network.Configuration.Directions > 0 ? LossKind.Nppc : LossKind.Edm },
        };

    // The counter stays where it is: every repetition draws the same noise and operators.
    private static ImageBatch Images(NetworkConfiguration c, int batch)
    {
        var values = new float[batch * c.Channels * c.Resolution * c.Resolution];
        new RandomStream(SpeedRequest.Seed).FillUniform(values);
        return new(0, new int[batch], new int[batch], new bool[batch], values, c.Classes);
    }
}
