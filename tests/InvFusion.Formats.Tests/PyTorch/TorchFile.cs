using System.IO.Compression;

namespace InvFusion.Formats.Tests.PyTorch;

/// <summary>Makes archives with the layout of <c>torch.save</c>.</summary>
internal static class TorchFile
{
    public static byte[] Zip(byte[] pickle, params (string Key, byte[] Data)[] storages) =>
        Entries([
            ("data.pkl", pickle),
            ("byteorder", "little"u8.ToArray()),
            .. storages.Select(s => ($"data/{s.Key}", s.Data)),
            ("version", "3\n"u8.ToArray()),
        ]);

    public static byte[] Entries((string Name, byte[] Data)[] entries, CompressionLevel level = CompressionLevel.NoCompression)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
            foreach (var (name, data) in entries)
            {
                using var content = zip.CreateEntry("archive/" + name, level).Open();
                content.Write(data);
            }
        return stream.ToArray();
    }

    /// <summary>What Python itself pickled, see <c>make_pickles.py</c>, with its storages 0 to 2.</summary>
    public static byte[] FromPython(int protocol)
    {
        using var stream = typeof(TorchFile).Assembly.GetManifestResourceStream($"protocol{protocol}.pkl")!;
        var pickle = new byte[stream.Length];
        stream.ReadExactly(pickle);
        return Zip(pickle, ("0", Singles(0, 1, 2, 3, 4, 5)), ("1", Halves(1.5f, -2f)), ("2", BitConverter.GetBytes(7L)));
    }

    public static byte[] Singles(params float[] values) => ElementConversion.FromSingles(values, ElementType.F32);

    private static byte[] Halves(params float[] values) => ElementConversion.FromSingles(values, ElementType.F16);
}
