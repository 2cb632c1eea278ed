namespace InvFusion.Formats.IO;

/// <summary>Writes files so that a reader sees the old content or the whole new content, never a part.</summary>
public static class AtomicFile
{
    /// <summary>Writes to a temporary file beside <paramref name="path"/>, flushes it to the disk and renames it over <paramref name="path"/>.</summary>
    /// <param name="path">The file to create or replace; missing folders are created.</param>
    /// <param name="write">Writes the whole content to the stream.</param>
    /// <exception cref="DataFormatException">The disk is full, the folder is read-only or the path is a folder.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        ArgumentException.ThrowIfNullOrEmpty(path);
        var full = Path.GetFullPath(path);
        var temporary = TemporaryFiles.NameFor(full);
        try
        {
            if (Directory.Exists(full))
                throw new DataFormatException($"{path}: is a folder; name a file to write");
            Directory.CreateDirectory(Path.GetDirectoryName(full)!);
            TemporaryFiles.Sweep(Path.GetDirectoryName(full)!);
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, full, overwrite: true);
        }
        catch (Exception e) when (FormatErrors.IsOfWriting(e))
        {
            throw FormatErrors.Unwritable(path, e);
        }
        finally
        {
            TryDelete(temporary);
        }
    }

    /// <summary>Writes bytes atomically, see <see cref="Write(string, Action{Stream})"/>.</summary>
    public static void WriteAllBytes(string path, ReadOnlyMemory<byte> content) => Write(path, s => s.Write(content.Span));

    /// <summary>Writes UTF-8 text atomically, see <see cref="Write(string, Action{Stream})"/>.</summary>
    public static void WriteAllText(string path, string content) => WriteAllBytes(path, System.Text.Encoding.UTF8.GetBytes(content));

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path); // no error when the rename has already taken it away
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Nothing more can be done; the error that brought us here says it all.
        }
    }
}
