namespace InvFusion.Data;

/// <summary>How many images have a size.</summary>
/// <param name="Width">Pixels in a row.</param>
/// <param name="Height">Rows.</param>
/// <param name="Count">Images of that size.</param>
public sealed record SizeCount(int Width, int Height, int Count);
