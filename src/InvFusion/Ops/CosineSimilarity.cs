using static TorchSharp.torch;

namespace InvFusion.Ops;

/// <summary>Scaled cosine similarity: queries and keys are each multiplied by √s · rsqrt(Σ x² + 1e-6), so that their product is s · cos.</summary>
public static class CosineSimilarity
{
    /// <summary>Added to the sum of squares.</summary>
    public const double Epsilon = 1e-6;

    /// <summary>A learned scale may not fall below this (its square root would be NaN).</summary>
    public const double SmallestScale = 1e-12;

    /// <summary>Normalises one of the two sides.</summary>
    /// <param name="x">Queries or keys, <c>[B, n, L, e]</c>.</param>
    /// <param name="scale">s per head, <c>[n]</c> float32.</param>
    public static Tensor Normalize(Tensor x, Tensor scale)
    {
        using var scope = NewDisposeScope();
        var root = scale.clamp_min(SmallestScale).sqrt().view(-1, 1, 1);
        var sum = x.to_type(ScalarType.Float32).square().sum([-1], keepdim: true);
        return (x * (root * (sum + Epsilon).rsqrt()).to_type(x.dtype)).MoveToOuterDisposeScope();
    }
}
