using InvFusion.Degradations;
using InvFusion.Models;
using InvFusion.Training;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>The training loss of a small network, pixel by pixel, and the gradient of every parameter.</summary>
internal static class GradientCases
{
    // The public implementation's own gradients are up to 3.4e-5 (relative) from those in float64.
    private const double GradientTolerance = 2e-4;

    // The gradient of a scale or a mixing factor is one sum over all tokens whose terms nearly cancel.
    private const double SumTolerance = 1e-3;

    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        using var network = GoldenNetwork.LoadForTraining(golden, comparison, cancellation);
        using var op = GoldenOperator.Load(golden);
        var (images, y) = (golden.Tensor("images"), golden.Tensor("y"));
        comparison.Check("y", op.Apply(images.unsqueeze(1)), y);
        OperatorDraws.CheckMotionKernel(golden, comparison);
        OperatorCases.CheckParts(golden, comparison, op);
        CheckEdm(golden, comparison, network, op, images, y);
        cancellation.ThrowIfCancellationRequested();
        if (golden.Has("mse_loss"))
            CheckMeanSquare(golden, comparison, network, new Conditioning(op, y), images);
    }

    private static void CheckEdm(
        GoldenCase golden,
        Comparison comparison,
        PreconditionedNetwork network,
        LinearOperator op,
        Tensor images,
        Tensor y
    )
    {
        using var scope = NewDisposeScope();
        var s = golden.Settings;
        var loss = new EdmLoss(s.GetProperty("P_mean").GetDouble(), s.GetProperty("P_std").GetDouble());
        var terms = loss.Evaluate(network, images, golden.Tensor("draw_00"), golden.Tensor("draw_01"), new Conditioning(op, y));
        comparison.Check("denoised", terms.Denoised, golden.Tensor("denoised"));
        comparison.Check("logvar", terms.LogVariance!, golden.Tensor("logvar"));
        comparison.Check("loss", terms.Loss, golden.Tensor("loss"));
        comparison.Check("loss_sum", terms.Loss.to(float64).sum().item<double>(), s.GetProperty("loss_sum").GetDouble());
        var error = (terms.Denoised.detach() - images).unsqueeze(1);
        var consistency = op.PseudoInverse(op.Apply(error)).squeeze(1).square(); // (H⁺H(D - x))²
        comparison.Check("consistency", consistency, golden.Tensor("consistency"));
        comparison.Check("consistency_sum", consistency.to(float64).sum().item<double>(), s.GetProperty("consistency_sum").GetDouble());
        var total = terms.Scalar(images.shape[0]);
        comparison.Check("total", total.item<float>(), s.GetProperty("total").GetDouble());
        total.backward();
        if (golden.HasFile("grads.safetensors"))
            comparison.CheckParameters(network, golden.Tensors("grads.safetensors"), Tolerance);
        if (golden.HasSetting("grad_norms"))
            comparison.CheckNorms(network, s.GetProperty("grad_norms"), "grad", Tolerance);
        network.zero_grad();
    }

    // The mean-square loss: the network sees 100·noise at σ = 100, and no image.
    private static void CheckMeanSquare(
        GoldenCase golden,
        Comparison comparison,
        PreconditionedNetwork network,
        Conditioning conditioning,
        Tensor images
    )
    {
        using var scope = NewDisposeScope();
        var terms = MmseLoss.Evaluate(network, images, golden.Tensor("mse_noise"), conditioning);
        comparison.Check("mse_loss", terms.Loss, golden.Tensor("mse_loss"));
        var total = terms.Scalar(images.shape[0]);
        comparison.Check("mse_total", total.item<float>(), golden.Settings.GetProperty("mse_total").GetDouble());
        total.backward();
        comparison.CheckNorms(network, golden.Settings.GetProperty("mse_grad_norms"), "mse grad", Tolerance);
    }

    /// <summary>The tolerance of a parameter's gradient.</summary>
    public static double Tolerance(string parameter) =>
        parameter.EndsWith(".fac", StringComparison.Ordinal) || parameter.EndsWith("self_attn.scale", StringComparison.Ordinal)
            ? SumTolerance
            : GradientTolerance;
}
