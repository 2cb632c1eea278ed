using InvFusion.Modules;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>Whole attention blocks, global or with windows, plain or joint, with the gradients of inputs and parameters.</summary>
internal static class AttentionCases
{
    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        var s = golden.Settings;
        using var block = new SelfAttentionBlock(
            s.GetProperty("d_model").GetInt32(),
            s.GetProperty("d_head").GetInt32(),
            Kernel(golden.Name),
            s.GetProperty("cond_features").GetInt32(),
            s.GetProperty("joint").GetBoolean(),
            dropout: 0
        );
        ModuleWeights.Load(block, golden.Tensors("weights.safetensors"));
        var (x, condition, positions) = (golden.Leaf("x"), golden.Leaf("cond"), golden.Tensor("pos"));
        var y = golden.Has("y") ? golden.Leaf("y") : null;
        var joint = y is null ? JointFeatures.None : new JointFeatures(JointKind.Given, y);
        var output = block.Forward(x, positions, condition, joint, float32);
        comparison.Check("out", output, golden.Tensor("out"));
        Gradients.Backward(output, golden.Tensor("v"));
        comparison.CheckGradient(golden, "grad_x", x);
        comparison.CheckGradient(golden, "grad_cond", condition);
        if (y is not null)
            comparison.CheckGradient(golden, "grad_y", y);
        comparison.CheckParameters(block, golden.Tensors("grads.safetensors"));
    }

    // blocks/neighborhood_k7_joint has windows of side 7; blocks/self_attention_joint has none.
    private static int Kernel(string name) => name.Split("neighborhood_k") is [_, var rest] ? int.Parse(rest.Split('_')[0]) : 0;
}
