using InvFusion.Ops;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>Operations without weights: cosine similarity, rotary embedding, neighborhood attention.</summary>
internal static class OperationCases
{
    public static void CosineSimilarity(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        var scale = golden.Tensor("scale");
        comparison.Check("q_out", Ops.CosineSimilarity.Normalize(golden.Tensor("q"), scale), golden.Tensor("q_out"));
        comparison.Check("k_out", Ops.CosineSimilarity.Normalize(golden.Tensor("k"), scale), golden.Tensor("k_out"));
    }

    public static void Rope(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        foreach (
            var name in golden.TensorNames.Where(n =>
                n.StartsWith("pos_", StringComparison.Ordinal) && !n.EndsWith("_down", StringComparison.Ordinal)
            )
        )
        {
            var (height, width) = Pair(name["pos_".Length..], 'x');
            var positions = AxialRope.Positions(height, width);
            comparison.Check(name, positions, golden.Tensor(name));
            if (golden.Has($"{name}_down"))
                comparison.Check($"{name}_down", AxialRope.Downscale(positions), golden.Tensor($"{name}_down"));
        }
        foreach (var name in golden.TensorNames.Where(n => n.StartsWith("freqs_d", StringComparison.Ordinal)))
            RopeOfHeads(golden, comparison, name["freqs_d".Length..]);
    }

    // What is "16_h3": head width 16, 3 heads.
    private static void RopeOfHeads(GoldenCase golden, Comparison comparison, string what)
    {
        var (headWidth, heads) = Pair(what.Replace("_h", "x", StringComparison.Ordinal), 'x');
        var frequencies = AxialRope.Frequencies(heads, headWidth);
        comparison.Check($"freqs_d{what}", frequencies, golden.Tensor($"freqs_d{what}"));
        if (!golden.Has($"theta_d{what}"))
            return;
        var positions = golden.Tensor("pos_6x5");
        comparison.Check($"theta_d{what}", AxialRope.Angles(positions, frequencies), golden.Tensor($"theta_d{what}"));
        var q = golden.Tensor($"q_d{what}").flatten(2, 3); // [B, n, h, w, e] → [B, n, L, e]
        var rotated = AxialRope.Rotate(q, AxialRope.Table(positions, frequencies, float32));
        comparison.Check($"qrot_d{what}", rotated, golden.Tensor($"qrot_d{what}").flatten(2, 3));
    }

    public static void Neighborhood(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        var kernel = golden.Settings.GetProperty("kernel_size").GetInt32();
        Tensor q = golden.Leaf("q"),
            k = golden.Leaf("k"),
            v = golden.Leaf("v");
        var (height, width) = ((int)q.shape[2], (int)q.shape[3]);
        var attended = NeighborhoodAttention.Apply(q.flatten(2, 3), [k.flatten(2, 3)], [v.flatten(2, 3)], height, width, kernel);
        comparison.Check("av", attended, golden.Tensor("av").flatten(2, 3));
        Gradients.Backward(attended, golden.Tensor("grad_out").flatten(2, 3));
        comparison.CheckGradient(golden, "grad_q", q);
        comparison.CheckGradient(golden, "grad_k", k);
        comparison.CheckGradient(golden, "grad_v", v);
        // With one unit vector per token as values the result is the attention itself: it shows which tokens a query saw, and with what weight.
        using var noGrad = no_grad();
        var units = eye(height * width, dtype: float32).expand(q.shape[0], q.shape[1], -1, -1);
        var weights = NeighborhoodAttention.Apply(q.flatten(2, 3), [k.flatten(2, 3)], [units], height, width, kernel);
        var expected = zeros_like(weights)
            .scatter_(3, WindowIndex(weights.shape, height, width, kernel), golden.Tensor("qk").flatten(2, 3).softmax(-1));
        comparison.Check("softmax(qk)", weights, expected);
    }

    // Token indices of each query's window, row by row: [B, n, h·w, k²]. A window's start is clamp(i - k/2, 0, length - k).
    private static Tensor WindowIndex(long[] shape, int height, int width, int kernel)
    {
        var index =
            from query in Enumerable.Range(0, height * width)
            let row = Math.Clamp(query / width - kernel / 2, 0, height - kernel)
            let col = Math.Clamp(query % width - kernel / 2, 0, width - kernel)
            from i in Enumerable.Range(0, kernel * kernel)
            select (long)((row + i / kernel) * width + col + i % kernel);
        return tensor(index.ToArray()).reshape(1, 1, height * width, kernel * kernel).expand(shape[0], shape[1], -1, -1);
    }

    private static (int First, int Second) Pair(string text, char separator)
    {
        var parts = text.Split(separator);
        return (int.Parse(parts[0]), int.Parse(parts[1]));
    }
}
