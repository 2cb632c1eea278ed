using System.IO.Compression;
using InvFusion.Formats.IO;

namespace InvFusion.Formats.Numpy;

/// <summary>Reads and writes several named arrays in numpy's .npz format, a zip archive of .npy files.</summary>
public static class Npz
{
    private static readonly DateTimeOffset Epoch = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero); // zip's first day, as numpy writes

    /// <summary>Opens an archive; each array is read when asked for.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFormatException">The file cannot be opened or is not a valid archive.</exception>
    public static NpzFile Read(string path) => NpzFile.Open(path);

    /// <summary>Writes an archive atomically; the same arrays always give the same bytes.</summary>
    /// <param name="path">The file to create or replace.</param>
    /// <param name="arrays">The arrays by name; numpy has no BF16.</param>
    /// <param name="compress">Whether to deflate, as <c>numpy.savez_compressed</c> does.</param>
    /// <exception cref="DataFormatException">A name occurs twice or is empty, an element type is BF16, or the file cannot be written.</exception>
    public static void Write(string path, IEnumerable<KeyValuePair<string, NpyArray>> arrays, bool compress = false)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(arrays);
        AtomicFile.Write(
            path,
            stream =>
            {
                using var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
                var names = new HashSet<string>();
                foreach (var (name, array) in arrays)
                {
                    if (name.Length == 0 || !names.Add(name))
                        throw new DataFormatException($"{path}: the array name {FormatErrors.Quote(name)} is empty or occurs twice");
                    var entry = zip.CreateEntry(
                        name + NpzFile.Extension,
                        compress ? CompressionLevel.Optimal : CompressionLevel.NoCompression
                    );
                    entry.LastWriteTime = Epoch;
                    using var content = entry.Open();
                    Npy.Write(content, array);
                }
            }
        );
    }
}
