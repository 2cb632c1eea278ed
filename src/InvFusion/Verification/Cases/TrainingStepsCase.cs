using InvFusion.Models;
using InvFusion.Training;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>Four optimizer steps of a small network: losses, learning rates, the weights after them and their moving average.</summary>
internal static class TrainingStepsCase
{
    private const int Batch = 2;

    // Adam divides by the gradients' own size, so that rounding errors of small gradients move weights as much as large ones would: by up to 5.7e-4 of one
    // tensor's largest weight, depending on the processor's kernels.
    private const double WeightTolerance = 1e-3;

    // The settings of the run, from the case's description.
    private static readonly LearningRateSchedule Rate = new()
    {
        Rate = 5e-3,
        ReferenceBatches = 1,
        RampUpImages = 8,
    };
    private static readonly EmaSchedule Average = new()
    {
        HalfLifeImages = 16,
        RampUpRatio = 0.3,
        PublicRampUp = true,
    };

    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        using var network = GoldenNetwork.LoadForTraining(golden, comparison, cancellation);
        using var op = GoldenOperator.Load(golden);
        using var flat = new FlatParameters(network);
        using var adam = new FlatAdam(flat);
        var images = golden.Tensor("images");
        var conditioning = new Conditioning(op, op.Apply(images.unsqueeze(1)));
        foreach (var (step, log) in golden.Settings.GetProperty("log").EnumerateArray().Index())
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var seen = log.GetProperty("cur_nimg_before").GetInt32();
            var (rate, beta) = (Rate.At(seen, Batch), Average.Beta(seen + Batch, Batch));
            comparison.Check($"step {step} lr", rate, log.GetProperty("lr").GetDouble());
            comparison.Check($"step {step} ema_beta", beta, log.GetProperty("ema_beta").GetDouble());
            var (normals, noise) = (golden.Tensor($"step{step}_rnd_normal"), golden.Tensor($"step{step}_noise"));
            var total = new LossOptions().Edm.Evaluate(network, images, normals, noise, conditioning).Scalar(Batch);
            comparison.Check($"step {step} total", total.item<float>(), log.GetProperty("total").GetDouble());
            total.backward();
            adam.Step(rate, beta);
        }
        CheckWeights(comparison, "weights_after", network.state_dict(), golden.Tensors("weights_after.safetensors"));
        CheckWeights(comparison, "ema_after", flat.Named(adam.Average).ToDictionary(), golden.Tensors("ema_after.safetensors"));
    }

    // Buffers, which no step changes, are in the stored files too; the moving average has none of its own.
    private static void CheckWeights(
        Comparison comparison,
        string what,
        Dictionary<string, Tensor> ours,
        Dictionary<string, Tensor> expected
    )
    {
        foreach (var (name, tensor) in ours)
            comparison.Check($"{what} {name}", tensor, expected[name], WeightTolerance);
    }
}
