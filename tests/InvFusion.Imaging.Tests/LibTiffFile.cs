using BitMiracle.LibTiff.Classic;

namespace InvFusion.Imaging.Tests;

/// <summary>Writes RGB as a TIFF in any of the library's compressions, in strips of seven rows or tiles of 16×32.</summary>
internal static class LibTiffFile
{
    /// <summary>Encodes a picture.</summary>
    public static byte[] Write(RgbImage image, Compression compression, bool tiled, bool planes)
    {
        var stream = new MemoryStream();
        using (var tiff = Tiff.ClientOpen("test", "w", stream, new TiffStream()))
        {
            tiff.SetField(TiffTag.IMAGEWIDTH, image.Width);
            tiff.SetField(TiffTag.IMAGELENGTH, image.Height);
            tiff.SetField(TiffTag.BITSPERSAMPLE, 8);
            tiff.SetField(TiffTag.SAMPLESPERPIXEL, 3);
            tiff.SetField(TiffTag.PHOTOMETRIC, Photometric.RGB);
            tiff.SetField(TiffTag.PLANARCONFIG, planes ? PlanarConfig.SEPARATE : PlanarConfig.CONTIG);
            tiff.SetField(TiffTag.COMPRESSION, compression);
            if (tiled)
            {
                tiff.SetField(TiffTag.TILEWIDTH, 16);
                tiff.SetField(TiffTag.TILELENGTH, 32);
            }
            else
                tiff.SetField(TiffTag.ROWSPERSTRIP, 7);
            for (var plane = 0; plane < (planes ? 3 : 1); plane++)
                WritePlane(tiff, image, planes ? plane : -1, tiled);
        }
        return stream.ToArray();
    }

    // All samples, or those of one plane.
    private static void WritePlane(Tiff tiff, RgbImage image, int plane, bool tiled)
    {
        byte[] Row(int y, int x, int count) =>
            [
                .. Enumerable
                    .Range(x, count)
                    .SelectMany(i => plane < 0 ? [0, 1, 2] : new[] { plane }, (i, c) => (i, c))
                    .Select(p => p.i < image.Width && y < image.Height ? image.Pixels[3 * (y * image.Width + p.i) + p.c] : (byte)0),
            ];

        if (!tiled)
            for (var y = 0; y < image.Height; y++)
                tiff.WriteScanline(Row(y, 0, image.Width), y, (short)Math.Max(plane, 0));
        else
            for (var y = 0; y < image.Height; y += 32)
            for (var x = 0; x < image.Width; x += 16)
                tiff.WriteTile([.. Enumerable.Range(y, 32).SelectMany(row => Row(row, x, 16))], x, y, 0, (short)Math.Max(plane, 0));
    }
}
