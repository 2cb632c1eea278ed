using InvFusion.Imaging;
using ScottPlot;
using SkiaSharp;

namespace InvFusion.Cli.Rendering;

/// <summary>Plots are lettered with the library's own font: a bare machine has none.</summary>
internal sealed class PlotFont : IFontResolver
{
    private static readonly SKTypeface Face = Load();

    /// <summary>Makes it the font of all plots that are made from now on.</summary>
    public static void Use()
    {
        if (Fonts.Default == TextFont.Name)
            return;
        Fonts.FontResolvers.Insert(0, new PlotFont());
        Fonts.Default = TextFont.Name;
    }

    public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) => Find(fontName);

    public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) => Find(fontName);

    private static SKTypeface? Find(string name) => name == TextFont.Name ? Face : null;

    private static SKTypeface Load()
    {
        using var file = TextFont.Open();
        return SKTypeface.FromStream(file);
    }
}
