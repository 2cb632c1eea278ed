using System.Buffers.Binary;

namespace InvFusion.Imaging.Tests;

/// <summary>Reads a uint8 HWC array of the vectors.</summary>
internal static class NpyBytes
{
    public static byte[] Read(string path)
    {
        var file = File.ReadAllBytes(path);
        var header = System.Text.Encoding.ASCII.GetString(file, 10, BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(8)));
        Assert.Contains("|u1", header);
        Assert.Contains("'fortran_order': False", header);
        return file[(10 + header.Length)..];
    }
}
