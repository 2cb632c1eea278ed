using System.IO.Compression;

namespace InvFusion.Imaging;

/// <summary>
/// The first directory of a TIFF, read before the library sees it: whether its sizes are such as the file can hold. The library takes memory for whatever a tag claims.
/// </summary>
/// <param name="Content">The file with the tags that decoding needs and no other, and without further directories.</param>
/// <param name="Bytes">Memory that decoding takes.</param>
internal sealed record TiffDirectory(byte[] Content, long Bytes)
{
    private const int Width = 256;
    private const int Height = 257;
    private const int BitsPerSample = 258;
    private const int Compression = 259;
    private const int StripOffsets = 273;
    private const int SamplesPerPixel = 277;
    private const int RowsPerStrip = 278;
    private const int StripByteCounts = 279;
    private const int Planes = 284;
    private const int TileWidth = 322;
    private const int TileHeight = 323;
    private const int TileOffsets = 324;
    private const int TileByteCounts = 325;

    // Those of what is read, and beside them: photometric, fill order, orientation, options of fax, predictor, palette, extra samples, sample format, tables and subsampling of JPEG.
    private static readonly HashSet<int> Needed =
    [
        Width,
        Height,
        BitsPerSample,
        Compression,
        262,
        266,
        StripOffsets,
        274,
        SamplesPerPixel,
        RowsPerStrip,
        StripByteCounts,
        Planes,
        292,
        293,
        317,
        320,
        TileWidth,
        TileHeight,
        TileOffsets,
        TileByteCounts,
        338,
        339,
        347,
        529,
        530,
        531,
        532,
    ];

    // Bytes of a value by the number of its type; 0 where there is no such type.
    private static ReadOnlySpan<byte> Sizes => [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8];

    /// <summary>Reads and checks.</summary>
    /// <exception cref="DataFormatException">It is damaged, or claims what it cannot hold.</exception>
    public static TiffDirectory Read(ReadOnlySpan<byte> content, string name)
    {
        var file = new Reader(content.ToArray(), name);
        file.Entries();
        ulong width = file.Value(Width, 0),
            height = file.Value(Height, 0),
            bits = file.Value(BitsPerSample, 1),
            samples = file.Value(SamplesPerPixel, 1);
        file.Require(width > 0 && height > 0 && bits is > 0 and <= 64 && samples is > 0 and <= ushort.MaxValue, "tags");
        var pixels = ImageClaim.RequireSmall(width, height, name);
        var separate = file.Value(Planes, 1) == 2;
        var (planes, bitsOfPixel) = separate ? (samples, (UInt128)bits) : (1, (UInt128)bits * samples);
        var rowBytes = (width * bitsOfPixel + 7) / 8;
        var raw = rowBytes * height * planes;
        var most = MostRaw(file.Value(Compression, 1), content.Length, rowBytes, (long)height);
        file.Require(raw <= most, $"claims {width}x{height} pixels in {content.Length} bytes");
        UInt128 parts,
            part;
        if (file.Has(TileWidth) || file.Has(TileHeight))
        {
            ulong tileWidth = file.Value(TileWidth, 0),
                tileHeight = file.Value(TileHeight, 0);
            file.Require(tileWidth > 0 && tileHeight > 0, "tiles");
            parts = (UInt128)((width - 1) / tileWidth + 1) * ((height - 1) / tileHeight + 1) * planes;
            part = (tileWidth * bitsOfPixel + 7) / 8 * tileHeight;
        }
        else
        {
            var rows = Math.Min(file.Value(RowsPerStrip, ulong.MaxValue), height);
            file.Require(rows > 0, "strips");
            parts = (UInt128)((height - 1) / rows + 1) * planes;
            part = rowBytes * rows;
        }
        file.Require(parts <= Math.Max(file.Count(StripOffsets), file.Count(TileOffsets)), "fewer strips or tiles than it needs");
        file.Require(part <= most, "a tile is larger than the file can hold");
        file.Require(file.LargestOf(StripByteCounts) <= content.Length && file.LargestOf(TileByteCounts) <= content.Length, "lengths");
        if (file.Value(Compression, 1) is 8 or 32946)
            file.RequireChecksums(
                file.Has(TileOffsets) ? (TileOffsets, TileByteCounts) : (StripOffsets, StripByteCounts),
                (long)parts,
                (long)part
            );
        // The file, a strip or tile twice, the planes, RGB and a turned copy.
        return new(file.Content, content.Length + 2 * (long)part + (long)raw + 6 * pixels);
    }

    // Bytes that so many compressed ones can hold.
    private static UInt128 MostRaw(ulong compression, int length, UInt128 rowBytes, long height) =>
        compression switch
        {
            1 => (UInt128)length,
            2 or 3 or 4 or 32771 => rowBytes * (UInt128)Math.Min(8L * length, height), // fax: a bit a row
            7 => (UInt128)length * 8192, // JPEG: 1024 pixels of several samples a byte
            8 or 32946 => (UInt128)length * 1032, // Deflate
            32773 => (UInt128)length * 64, // PackBits: a run of 128 in two bytes
            _ => (UInt128)length * 2731, // LZW: a string of 4096 in 12 bits
        };

    // The entries of the first directory of a classic or a big TIFF.
    private sealed class Reader(byte[] content, string name)
    {
        private readonly bool _bigEndian = content[0] == (byte)'M';
        private readonly bool _wide = content[2] == 43 || content[3] == 43;
        private readonly Dictionary<int, int> _entries = [];

        public byte[] Content => content;

        private int CountBytes => _wide ? 8 : 2;

        private int ValueBytes => _wide ? 8 : 4;

        private int EntryBytes => 4 + 2 * ValueBytes;

        /// <summary>Finds those that are needed, and takes the others out.</summary>
        public void Entries()
        {
            var directory = At(_wide ? 8 : 4, ValueBytes);
            Require(directory <= (ulong)(content.Length - CountBytes), "directory");
            var (start, count) = ((int)directory + CountBytes, At((int)directory, CountBytes));
            Require(count <= (ulong)((content.Length - start) / EntryBytes), "directory");
            var kept = start;
            for (var entry = start; count > 0; count--, entry += EntryBytes)
            {
                var tag = (int)At(entry, 2);
                if (!Needed.Contains(tag) || !_entries.TryAdd(tag, kept))
                    continue;
                content.AsSpan(entry, EntryBytes).CopyTo(content.AsSpan(kept));
                Require(Fits(kept), "tags");
                kept += EntryBytes;
            }
            Put((int)directory, (ulong)_entries.Count, CountBytes);
            Require(kept + ValueBytes <= content.Length, "directory");
            Put(kept, 0, ValueBytes); // no directory follows
        }

        public bool Has(int tag) => _entries.ContainsKey(tag);

        /// <summary>How many values a tag has.</summary>
        public ulong Count(int tag) => _entries.TryGetValue(tag, out var entry) ? At(entry + 4, ValueBytes) : 0;

        /// <summary>Its first value.</summary>
        public ulong Value(int tag, ulong absent) => Count(tag) > 0 ? ValueAt(tag, 0) : absent;

        /// <summary>Its largest value; 0 without one.</summary>
        public long LargestOf(int tag)
        {
            var largest = 0UL;
            for (var i = 0; i < (int)Count(tag); i++)
                largest = Math.Max(largest, ValueAt(tag, i));
            return (long)Math.Min(largest, long.MaxValue);
        }

        /// <summary>Unpacks strips or tiles of Deflate for their checksums alone, which the library does not look at.</summary>
        public void RequireChecksums((int Offsets, int Counts) tags, long parts, long most)
        {
            if (Count(tags.Offsets) != Count(tags.Counts))
                return; // without lengths the library looks for the ends itself
            var buffer = new byte[1 << 16];
            for (var i = 0; i < parts; i++)
            {
                ulong start = ValueAt(tags.Offsets, i),
                    length = ValueAt(tags.Counts, i);
                Require(length <= (ulong)content.Length && start <= (ulong)content.Length - length, "a strip or tile ends beyond the file");
                using var packed = new ZLibStream(new MemoryStream(content, (int)start, (int)length), CompressionMode.Decompress);
                try
                {
                    var left = most; // all strips may be the same bytes of the file: no more of each than it has pixels
                    for (int read; left >= 0 && (read = packed.Read(buffer)) > 0; )
                        left -= read;
                }
                catch (Exception e) when (e is InvalidDataException or IOException) // the latter: it asks for a dictionary
                {
                    Require(false, "a strip or tile does not unpack");
                }
            }
        }

        public void Require(bool holds, string what)
        {
            if (!holds)
                throw TiffDecoder.Damaged(name, what);
        }

        private ulong ValueAt(int tag, int index) => At(Values(_entries[tag]) + index * Size(_entries[tag]), Size(_entries[tag]));

        private bool Fits(int entry)
        {
            var bytes = (UInt128)At(entry + 4, ValueBytes) * (ulong)Size(entry);
            return Size(entry) > 0
                && (bytes <= (ulong)ValueBytes || bytes + At(entry + 4 + ValueBytes, ValueBytes) <= (ulong)content.Length);
        }

        private int Size(int entry) => At(entry + 2, 2) is var type && type < (ulong)Sizes.Length ? Sizes[(int)type] : 0;

        // Where the values are: in the entry, or where it says.
        private int Values(int entry) =>
            At(entry + 4, ValueBytes) * (ulong)Size(entry) <= (ulong)ValueBytes
                ? entry + 4 + ValueBytes
                : (int)At(entry + 4 + ValueBytes, ValueBytes);

        private ulong At(int position, int bytes)
        {
            Require(position <= content.Length - bytes, "directory");
            var value = 0UL;
            for (var i = 0; i < bytes; i++)
                value |= (ulong)content[position + i] << (8 * (_bigEndian ? bytes - 1 - i : i));
            return value;
        }

        private void Put(int position, ulong value, int bytes)
        {
            for (var i = 0; i < bytes; i++)
                content[position + i] = (byte)(value >> (8 * (_bigEndian ? bytes - 1 - i : i)));
        }
    }
}
