using static TorchSharp.torch;

namespace InvFusion.Ops;

/// <summary>Softmax attention of every query to every key with scale 1 (queries and keys come cosine-normalised).</summary>
public static class GlobalAttention
{
    /// <summary>softmax(q kᵀ + bias) v.</summary>
    /// <param name="q"><c>[B, n, L, e]</c>.</param>
    /// <param name="k"><c>[B, n, K, e]</c>.</param>
    /// <param name="v"><c>[B, n, K, e]</c>.</param>
    /// <param name="bias">Added to the logits, broadcastable to <c>[B, n, L, K]</c>; -∞ removes a key.</param>
    public static Tensor Apply(Tensor q, Tensor k, Tensor v, Tensor? bias = null)
    {
        // libtorch divides by √e and TorchSharp does not hand over another scale: undo it in the queries.
        using var scaled = q * Math.Sqrt(q.shape[^1]);
        return nn.functional.scaled_dot_product_attention(scaled, k, v, bias);
    }
}
