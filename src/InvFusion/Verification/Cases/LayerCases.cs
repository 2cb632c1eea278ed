using InvFusion.Modules;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>Small layers: norms, feed-forward, mapping, Fourier features, token merge and split.</summary>
internal static class LayerCases
{
    public static void Norms(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        using var plain = new RmsNormLayer(golden.Tensor("rms_scale").shape[0]);
        ModuleWeights.Load(plain, Named(golden, ("scale", "rms_scale")));
        comparison.Check("rms_out", plain.call(golden.Tensor("rms_x")), golden.Tensor("rms_out"));

        var (x, condition) = (golden.Tensor("ada_x"), golden.Tensor("ada_cond"));
        using var adaptive = new AdaptiveRmsNorm(x.shape[^1], condition.shape[^1]);
        ModuleWeights.Load(adaptive, Named(golden, ("linear.weight", "ada_linear_weight")));
        comparison.Check("ada_out", adaptive.call(x, condition, float32), golden.Tensor("ada_out"));
        comparison.Check("ada_out_cond1", adaptive.call(x, condition.narrow(0, 0, 1), float32), golden.Tensor("ada_out_cond1"));
    }

    public static void FeedForward(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        var (x, condition, weights) = (golden.Leaf("x"), golden.Leaf("cond"), golden.Tensors("weights.safetensors"));
        using var block = new FeedForwardBlock(x.shape[^1], weights["down_proj.weight"].shape[1], condition.shape[^1], dropout: 0);
        ModuleWeights.Load(block, weights);
        var output = block.call(x, condition, float32);
        comparison.Check("out", output, golden.Tensor("out"));
        Gradients.Backward(output, golden.Tensor("v"));
        comparison.CheckGradient(golden, "grad_x", x);
        comparison.CheckGradient(golden, "grad_cond", condition);
    }

    public static void Mapping(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        var (x, weights) = (golden.Tensor("x"), golden.Tensors("weights.safetensors"));
        var depth = weights.Keys.Count(name => name.EndsWith("down_proj.weight", StringComparison.Ordinal));
        using var mapping = new MappingNetwork(depth, x.shape[^1], weights["blocks.0.down_proj.weight"].shape[1], dropout: 0);
        ModuleWeights.Load(mapping, weights);
        comparison.Check("out", mapping.call(x), golden.Tensor("out"));
    }

    public static void Fourier(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        foreach (var inputs in new[] { 1, 9 })
        {
            using var features = new FourierFeatures(inputs, golden.Tensor($"out_{inputs}").shape[^1]);
            ModuleWeights.Load(features, Named(golden, ("weight", $"weight_{inputs}")));
            comparison.Check($"out_{inputs}", features.call(golden.Tensor($"x_{inputs}")), golden.Tensor($"out_{inputs}"));
        }
        using var phases = new FourierPhases(golden.Tensor("mp_freqs").shape[0]);
        ModuleWeights.Load(phases, Named(golden, ("freqs", "mp_freqs"), ("phases", "mp_phases")));
        var waves = phases.call(golden.Tensor("mp_x"));
        comparison.Check("mp_out", waves, golden.Tensor("mp_out"));
        using var linear = new Linear(waves.shape[^1], 1, bias: true);
        ModuleWeights.Load(linear, Named(golden, ("weight", "logvar_weight"), ("bias", "logvar_bias")));
        comparison.Check("logvar_out", linear.call(waves), golden.Tensor("logvar_out"));
    }

    public static void Tokens(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        Merge(golden, comparison, "merge", patch: 2);
        Merge(golden, comparison, "merge4", patch: 4);

        var (x, skip) = (golden.Tensor("split_x"), golden.Tensor("split_skip"));
        using var split = new TokenSplit((int)x.shape[^1], (int)skip.shape[^1]);
        ModuleWeights.Load(split, Named(golden, ("proj.weight", "split_weight"), ("fac", "split_fac")));
        comparison.Check("split_out", split.call(x, skip, float32), golden.Tensor("split_out"));

        var expected = golden.Tensor("splitout_out");
        using var patchOut = new PatchOut((int)x.shape[^1], (int)expected.shape[^1], directions: 0, patch: 4);
        ModuleWeights.Load(patchOut, Named(golden, ("proj.weight", "splitout_weight")));
        comparison.Check("splitout_out", patchOut.call(x), expected);
    }

    private static void Merge(GoldenCase golden, Comparison comparison, string name, int patch)
    {
        var (x, expected) = (golden.Tensor($"{name}_x"), golden.Tensor($"{name}_out"));
        using var merge = new TokenMerge((int)x.shape[^1], (int)expected.shape[^1], patch);
        ModuleWeights.Load(merge, Named(golden, ("proj.weight", $"{name}_weight")));
        comparison.Check($"{name}_out", merge.call(x, float32), expected);
    }

    private static Dictionary<string, Tensor> Named(GoldenCase golden, params (string Name, string Tensor)[] pairs) =>
        pairs.ToDictionary(p => p.Name, p => golden.Tensor(p.Tensor));
}
