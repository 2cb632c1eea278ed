using InvFusion.Degradations;
using InvFusion.Diffusion;
using static TorchSharp.torch;

namespace InvFusion.Restoration;

/// <summary>The part of noise fields of a whole picture that lies in a window, so that overlapping windows see the same noise where they overlap.</summary>
internal sealed class WindowNoise(INoiseSource whole, ImageShape image, ImageWindow window) : INoiseSource
{
    public int BatchSize => whole.BatchSize;

    public string NameOf(int sample) => whole.NameOf(sample);

    public Tensor Normal(params ReadOnlySpan<long> shape)
    {
        if (shape.Length < 2 || shape[^2] != window.Height || shape[^1] != window.Width)
            return whole.Normal(shape); // no image
        using var scope = NewDisposeScope();
        var field = whole.Normal([.. shape[..^2], image.Height, image.Width]);
        return field.narrow(-2, window.Top, window.Height).narrow(-1, window.Left, window.Width).contiguous().MoveToOuterDisposeScope();
    }
}
