using InvFusion.Modules;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>The feature degradation layer with each operator, with gradients.</summary>
internal static class FeatureDegradationCases
{
    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        using var op = GoldenOperator.Load(golden);
        OperatorDraws.CheckMotionKernel(golden, comparison);
        OperatorCases.CheckParts(golden, comparison, op);
        var patch = golden.Settings.GetProperty("patch").GetInt32();
        var x = golden.Leaf("x");
        using var layer = new FeatureDegradation((int)x.shape[^1], patch, op.Image.Channels);
        ModuleWeights.Load(
            layer,
            new Dictionary<string, Tensor> { ["deg_linear.weight"] = golden.Tensor("weight"), ["deg_linear.bias"] = golden.Tensor("bias") }
        );
        var output = layer.Forward(x, op, golden.Tensor("y"), float32);
        comparison.Check("out", output, golden.Tensor("out"));
        Gradients.Backward(output, golden.Tensor("v"));
        var parameters = layer.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        comparison.CheckGradient(golden, "grad_weight", parameters["deg_linear.weight"]);
        comparison.CheckGradient(golden, "grad_bias", parameters["deg_linear.bias"]);
        // Where nothing was measured, nothing reaches the tokens.
        comparison.Check("grad_x", Gradients.Of(x), golden.Has("grad_x") ? golden.Tensor("grad_x") : zeros_like(x));
    }
}
