using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>Between 8-bit pixels and the numbers in [-1, 1] that networks of RGB images work on.</summary>
public static class PixelEncoding
{
    /// <summary>uint8 pixels → v / 127.5 - 1, float32, of the same shape.</summary>
    public static Tensor Encode(Tensor pixels)
    {
        using var scope = NewDisposeScope();
        return pixels.to(float32).div_(127.5).sub_(1).MoveToOuterDisposeScope();
    }

    /// <summary>Numbers in [-1, 1] → ⌊127.5 v + 128⌋ cut to 0..255, uint8, of the same shape; what lies outside is cut.</summary>
    public static Tensor Decode(Tensor images)
    {
        using var scope = NewDisposeScope();
        return images.to(float32).mul(127.5).add_(128).clamp_(0, 255).to(uint8).MoveToOuterDisposeScope();
    }
}
