using BitMiracle.LibTiff.Classic;

namespace InvFusion.Imaging;

/// <summary>How a TIFF file stores its pixels.</summary>
internal sealed record TiffLayout
{
    public required int Width { get; init; }

    public required int Height { get; init; }

    /// <summary>Bits of a sample: 1, 2, 4, 8 or 16.</summary>
    public required int Bits { get; init; }

    /// <summary>Samples of a pixel.</summary>
    public required int Samples { get; init; }

    /// <summary>Grey (black or white is 0), RGB or palette.</summary>
    public required Photometric Colours { get; init; }

    /// <summary>1, or <see cref="Samples"/> where each sample has a plane of its own.</summary>
    public required int Planes { get; init; }

    /// <summary>Whether the colours were multiplied by the alpha that follows them.</summary>
    public required bool Multiplied { get; init; }

    /// <summary>1 to 8, as in EXIF.</summary>
    public required int Orientation { get; init; }

    /// <summary>Red, green and blue of the palette, 2^<see cref="Bits"/> each; empty without one.</summary>
    public required ushort[][] Palette { get; init; }

    /// <summary>Bits from pixel to pixel in a plane.</summary>
    public int BitsOfPixel => Bits * Samples / Planes;

    /// <summary>Bytes of a row of a plane.</summary>
    public int RowBytes => checked(Width * BitsOfPixel + 7) / 8;

    /// <summary>Reads the tags of the first picture, and refuses what cannot be read.</summary>
    /// <exception cref="DataFormatException">The message says what is not read and the way out.</exception>
    public static TiffLayout Read(Tiff tiff, string name)
    {
        int Field(TiffTag tag, int absent) => tiff.GetField(tag) is { Length: > 0 } values ? values[0].ToInt() : absent;

        var colours = (Photometric)Field(TiffTag.PHOTOMETRIC, (int)Photometric.MINISBLACK);
        if (colours == Photometric.YCBCR && (Compression)Field(TiffTag.COMPRESSION, 1) == Compression.JPEG)
        {
            tiff.SetField(TiffTag.JPEGCOLORMODE, JpegColorMode.RGB);
            colours = Photometric.RGB;
        }
        var (bits, samples) = (Field(TiffTag.BITSPERSAMPLE, 1), Field(TiffTag.SAMPLESPERPIXEL, 1));
        var layout = new TiffLayout
        {
            Width = Field(TiffTag.IMAGEWIDTH, 0),
            Height = Field(TiffTag.IMAGELENGTH, 0),
            Bits = bits,
            Samples = samples,
            Colours = colours,
            Planes = (PlanarConfig)Field(TiffTag.PLANARCONFIG, (int)PlanarConfig.CONTIG) == PlanarConfig.SEPARATE ? samples : 1,
            Multiplied = IsMultiplied(tiff),
            Orientation = Field(TiffTag.ORIENTATION, 1),
            Palette =
                colours == Photometric.PALETTE && tiff.GetField(TiffTag.COLORMAP) is { Length: 3 } map
                    ? [.. map.Select(values => values.ToUShortArray())]
                    : [],
        };
        layout.Check((SampleFormat)Field(TiffTag.SAMPLEFORMAT, (int)SampleFormat.UINT), name);
        return layout;
    }

    private static bool IsMultiplied(Tiff tiff) =>
        tiff.GetField(TiffTag.EXTRASAMPLES) is { Length: 2 } extra
        && extra[0].ToInt() > 0
        && extra[1].ToShortArray()[0] == (short)ExtraSample.ASSOCALPHA;

    private void Check(SampleFormat format, string name)
    {
        var known = Colours switch
        {
            Photometric.RGB => Samples >= 3 && Bits is 8 or 16,
            Photometric.PALETTE => Bits is 1 or 2 or 4 or 8 && Palette.Length == 3 && Palette.All(c => c.Length >= 1 << Bits),
            Photometric.MINISBLACK or Photometric.MINISWHITE => Bits is 1 or 2 or 4 or 8 or 16,
            _ => false,
        };
        if (Width < 1 || Height < 1 || Samples < 1 || Orientation is < 1 or > 8)
            throw new DataFormatException($"{name}: is truncated or damaged (tags); replace or remove the file");
        if (!known || format is not (SampleFormat.UINT or SampleFormat.VOID))
            throw new DataFormatException(
                $"{name}: a TIFF of {Samples} samples of {Bits} bits, {Colours}, {format} is not read; convert it to 8- or 16-bit RGB or to PNG"
            );
    }
}
