namespace InvFusion.Imaging;

/// <summary>A picture of a <see cref="ContactSheet"/>.</summary>
/// <param name="Image">The picture; null leaves the place empty.</param>
/// <param name="Caption">Text below it.</param>
public sealed record SheetCell(RgbImage? Image, string? Caption = null)
{
    /// <summary>For a picture of <see cref="Colormap"/>: the number of its brightest colour, shown with a bar of the colours from 0 on; null for none.</summary>
    public float? Scale { get; init; }
}
