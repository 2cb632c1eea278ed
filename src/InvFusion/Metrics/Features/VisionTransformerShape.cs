namespace InvFusion.Metrics.Features;

/// <summary>The size of a DINOv2 network.</summary>
/// <param name="Width">D, the length of a token.</param>
/// <param name="Depth">Blocks.</param>
/// <param name="Heads">Heads of attention.</param>
internal sealed record VisionTransformerShape(int Width, int Depth, int Heads)
{
    /// <summary>ViT-L/14, as published.</summary>
    public static VisionTransformerShape Large { get; } = new(1024, 24, 16);
}
