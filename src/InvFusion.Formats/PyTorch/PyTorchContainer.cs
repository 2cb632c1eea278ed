using static InvFusion.Formats.IO.FormatErrors;

namespace InvFusion.Formats.PyTorch;

/// <summary>A file of <c>torch.save</c> or <c>torch.jit.save</c>: a pickle and the storages that it refers to. Reads may come from several threads.</summary>
internal abstract class PyTorchContainer(string path) : IDisposable
{
    private const int SniffedBytes = 4;

    public string Path { get; } = path;

    /// <summary>Opens a file of any of the known formats.</summary>
    public static PyTorchContainer Open(string path)
    {
        var stream = OpenRead(path);
        try
        {
            return Translate<PyTorchContainer>(
                path,
                () => Sniff(path, stream) ? new PyTorchArchive(path, stream) : new LegacyFile(path, stream)
            );
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>The object that was saved.</summary>
    public abstract object? ReadRoot();

    /// <summary>Checks that a storage of the pickle is in the file, with this many elements, as far as that can be known by now.</summary>
    public abstract void CheckStorage(string key, ElementType type, long count);

    /// <summary>Bytes of a storage.</summary>
    public abstract byte[] ReadStorage(string key, long start, int length);

    public DataFormatException Error(string message, Exception? inner = null) => new($"{Path}: {message}", inner);

    public abstract void Dispose();

    /// <summary>Whether the file is a zip; if not, it begins as the old format does.</summary>
    private static bool Sniff(string path, FileStream stream)
    {
        Span<byte> start = stackalloc byte[SniffedBytes];
        var known = stream.ReadAtLeast(start, SniffedBytes, throwOnEndOfStream: false);
        stream.Position = 0;
        if (known == SniffedBytes && start.SequenceEqual("PK\u0003\u0004"u8))
            return true;
        if (known == SniffedBytes && start[0] == 0x80 && start[2] == 0x8a) // a pickled integer, the old format's magic number
            return false;
        throw new DataFormatException(
            known == SniffedBytes && start[0] == 0x80
                ? $"{path}: is a plain pickle; load it in Python and save its tensors with torch.save"
                : $"{path}: is not a PyTorch checkpoint"
        );
    }
}
