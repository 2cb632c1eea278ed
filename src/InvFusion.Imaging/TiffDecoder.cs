using BitMiracle.LibTiff.Classic;
using InvFusion.Formats.IO;
using SkiaSharp;

namespace InvFusion.Imaging;

/// <summary>Reads the first picture of a TIFF file: grey, RGB or palette, with or without alpha, 1 to 16 bits a sample, in strips or tiles, in any of the usual compressions.</summary>
/// <remarks>As for the other formats: 16-bit values keep their upper byte, alpha is dropped (colours that were multiplied by it are divided first), the orientation is applied.</remarks>
internal static class TiffDecoder
{
    // The library prints what it finds wrong, on the console, and may fill what it cannot unpack with grey. Of other pictures none of it is loaded.
    private static readonly Errors Handler = new();

    [ThreadStatic]
    private static bool _failed;

    /// <summary>Whether the content starts as a TIFF does.</summary>
    public static bool IsTiff(ReadOnlySpan<byte> content) =>
        content.StartsWith("II*\0"u8) || content.StartsWith("MM\0*"u8) || content.StartsWith("II+\0"u8) || content.StartsWith("MM\0+"u8);

    /// <summary>Decodes the content.</summary>
    /// <exception cref="DataFormatException">It is truncated or damaged, or of a kind that is not read; the message names it.</exception>
    public static T Decode<T>(ReadOnlySpan<byte> content, string name, MemoryBudget memory, Func<RgbImage, T> use)
    {
        var directory = TiffDirectory.Read(content, name);
        using var share = memory.Take(directory.Bytes, name);
        return use(Decode(directory.Content, name));
    }

    private static RgbImage Decode(byte[] content, string name)
    {
        Tiff.SetErrorHandler(Handler);
        _failed = false;
        try
        {
            using var stream = new MemoryStream(content, writable: false);
            using var tiff = Tiff.ClientOpen(name, "r", stream, new TiffStream()) ?? throw Damaged(name, "header");
            var layout = TiffLayout.Read(tiff, name);
            var planes = Enumerable.Range(0, layout.Planes).Select(plane => ReadPlane(tiff, layout, plane, name)).ToArray();
            if (_failed)
                throw Damaged(name, "compressed pixels");
            return Orientation.Apply(TiffPixels.ToRgb(planes, layout), (SKEncodedOrigin)layout.Orientation);
        }
        // The library meets damage with whatever happens then: an index out of range, a cast, an overflow.
        catch (Exception e) when (e is not (DataFormatException or OutOfMemoryException))
        {
            throw Damaged(name, Names.Shown(e.Message).TrimEnd('.'), e);
        }
    }

    // The samples of one plane as stored, rows of RowBytes.
    private static byte[] ReadPlane(Tiff tiff, TiffLayout layout, int plane, string name)
    {
        var samples = new byte[checked(layout.RowBytes * layout.Height)];
        if (tiff.IsTiled())
            ReadTiles(tiff, layout, plane, samples, name);
        else
            ReadStrips(tiff, layout, plane, samples, name);
        return samples;
    }

    private static void ReadStrips(Tiff tiff, TiffLayout layout, int plane, byte[] samples, string name)
    {
        var row = new byte[Math.Max(tiff.ScanlineSize(), layout.RowBytes)];
        for (var y = 0; y < layout.Height; y++)
        {
            if (!tiff.ReadScanline(row, 0, y, (short)plane))
                throw Damaged(name, $"row {y}");
            row.AsSpan(0, layout.RowBytes).CopyTo(samples.AsSpan(y * layout.RowBytes));
        }
    }

    // A tile's side is a multiple of 16, so that its rows begin at whole bytes.
    private static void ReadTiles(Tiff tiff, TiffLayout layout, int plane, byte[] samples, string name)
    {
        var (width, height) = (Field(tiff, TiffTag.TILEWIDTH), Field(tiff, TiffTag.TILELENGTH));
        var tile = new byte[tiff.TileSize()];
        var tileRow = tiff.TileRowSize();
        for (var y = 0; y < layout.Height; y += height)
        for (var x = 0; x < layout.Width; x += width)
        {
            if (tiff.ReadTile(tile, 0, x, y, 0, (short)plane) < 0)
                throw Damaged(name, $"tile at {x},{y}");
            var start = (int)((long)x * layout.BitsOfPixel / 8);
            var count = Math.Min(tileRow, layout.RowBytes - start);
            for (var row = 0; row < Math.Min(height, layout.Height - y); row++)
                tile.AsSpan(row * tileRow, count).CopyTo(samples.AsSpan((y + row) * layout.RowBytes + start));
        }
    }

    private static int Field(Tiff tiff, TiffTag tag) => tiff.GetField(tag)[0].ToInt();

    internal static DataFormatException Damaged(string name, string what, Exception? inner = null) =>
        new($"{name}: is truncated or damaged ({what}); replace or remove the file", inner);

    private sealed class Errors : TiffErrorHandler
    {
        public override void ErrorHandler(Tiff tif, string method, string format, params object[] args) => _failed = true;

        public override void ErrorHandlerExt(Tiff tif, object clientData, string method, string format, params object[] args) =>
            _failed = true;

        public override void WarningHandler(Tiff tif, string method, string format, params object[] args) { }

        public override void WarningHandlerExt(Tiff tif, object clientData, string method, string format, params object[] args) { }
    }
}
