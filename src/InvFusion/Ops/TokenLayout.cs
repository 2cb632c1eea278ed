using static TorchSharp.torch;

namespace InvFusion.Ops;

/// <summary>Moves between pixels, tokens and feature images. Channel order inside a token is always (row, column, rest).</summary>
public static class TokenLayout
{
    /// <summary>Folds p×p neighbours into one token: <c>[B, h·p, w·p, d]</c> → <c>[B, h, w, p·p·d]</c>.</summary>
    public static Tensor Merge(Tensor x, int p)
    {
        var (b, h, w, d) = (x.shape[0], x.shape[1] / p, x.shape[2] / p, x.shape[3]);
        return x.view(b, h, p, w, p, d).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, p * p * d);
    }

    /// <summary>The inverse of <see cref="Merge"/>: <c>[B, h, w, p·p·d]</c> → <c>[B, h·p, w·p, d]</c>.</summary>
    public static Tensor Split(Tensor x, int p)
    {
        var (b, h, w, d) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3] / (p * p));
        return x.view(b, h, w, p, p, d).permute(0, 1, 3, 2, 4, 5).reshape(b, h * p, w * p, d);
    }

    /// <summary>Unfolds tokens to feature images: <c>[B, h, w, P·P·m·C]</c> → <c>[B, m, C, h·P, w·P]</c>.</summary>
    public static Tensor ToFeatureImages(Tensor tokens, int p, int channels)
    {
        var (b, h, w) = (tokens.shape[0], tokens.shape[1], tokens.shape[2]);
        var m = tokens.shape[3] / (p * p * channels);
        return tokens.view(b, h, w, p, p, m, channels).permute(0, 5, 6, 1, 3, 2, 4).reshape(b, m, channels, h * p, w * p);
    }

    /// <summary>The inverse of <see cref="ToFeatureImages"/>: <c>[B, m, C, h·P, w·P]</c> → <c>[B, h, w, P·P·m·C]</c>.</summary>
    public static Tensor ToTokens(Tensor images, int p)
    {
        var (b, m, c, h, w) = (images.shape[0], images.shape[1], images.shape[2], images.shape[3] / p, images.shape[4] / p);
        return images.view(b, m, c, h, p, w, p).permute(0, 3, 5, 4, 6, 1, 2).reshape(b, h, w, p * p * m * c);
    }
}
