using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>The orthonormal cosine transform of type II (DCT-II), whose basis images continue by reflection beyond the borders.</summary>
internal static class CosineTransform
{
    /// <summary>Its matrix <c>[n, n]</c> in double, a row for each frequency; the transpose is the inverse.</summary>
    public static Tensor Matrix(int length)
    {
        var matrix = new double[length, length];
        for (var f = 0; f < length; f++)
        for (var i = 0; i < length; i++)
            matrix[f, i] = Math.Sqrt((f == 0 ? 1.0 : 2.0) / length) * Math.Cos(Math.PI * f * (i + 0.5) / length);
        return tensor(matrix);
    }

    /// <summary>L x Rᵀ over the last two dimensions.</summary>
    public static Tensor Sides(Tensor x, Tensor left, Tensor right) =>
        nn.functional.linear(nn.functional.linear(x, right).transpose(-1, -2), left).transpose(-1, -2);
}
