namespace InvFusion.Imaging;

/// <summary>A picture of a <see cref="ContactSheet"/>.</summary>
/// <param name="Image">The picture; null leaves the place empty.</param>
/// <param name="Caption">Text below it.</param>
public sealed record SheetCell(RgbImage? Image, string? Caption = null);
