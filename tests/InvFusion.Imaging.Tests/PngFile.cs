using System.Buffers.Binary;
using System.IO.Compression;

namespace InvFusion.Imaging.Tests;

/// <summary>Writes PNG files of kinds that Skia never writes.</summary>
internal static class PngFile
{
    public static byte[] Encode(int width, int height, int bits, int colourType, byte[] rows, params (string Type, byte[] Data)[] chunks)
    {
        var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = ((byte)bits, (byte)colourType);
        Chunk(file, "IHDR", header);
        foreach (var (type, data) in chunks)
            Chunk(file, type, data);
        Chunk(file, "IDAT", Compress(rows, height));
        Chunk(file, "IEND", []);
        return file.ToArray();
    }

    private static byte[] Compress(byte[] rows, int height)
    {
        var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal))
            foreach (var row in rows.Chunk(rows.Length / height))
                zlib.Write([0, .. row]); // 0: no filter
        return packed.ToArray();
    }

    /// <summary>Writes a chunk with its checksum.</summary>
    public static void Chunk(Stream file, string type, byte[] data)
    {
        byte[] body = [.. System.Text.Encoding.ASCII.GetBytes(type), .. data];
        var number = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        file.Write(body);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc(body));
        file.Write(number);
    }

    /// <summary>The checksum of a chunk's type and data.</summary>
    public static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var k = 0; k < 8; k++)
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
        }
        return ~crc;
    }
}
