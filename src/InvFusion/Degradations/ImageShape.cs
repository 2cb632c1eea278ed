namespace InvFusion.Degradations;

/// <summary>The shape of one image: channels, height and width in pixels.</summary>
public readonly record struct ImageShape(int Channels, int Height, int Width)
{
    /// <summary>How many numbers one image has.</summary>
    public int Length => Channels * Height * Width;

    /// <summary>The shape of a window of such an image.</summary>
    public ImageShape Of(ImageWindow window) => this with { Height = window.Height, Width = window.Width };

    /// <summary>For example <c>3×64×64</c>.</summary>
    public override string ToString() => $"{Channels}×{Height}×{Width}";
}
