namespace InvFusion.Formats.IO;

/// <summary>Turns what the runtime throws about a file into one line that names the file.</summary>
internal static class FormatErrors
{
    /// <summary>Runs <paramref name="read"/>; errors of the file system and of the archive reader come out as <see cref="DataFormatException"/>.</summary>
    public static T Translate<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new DataFormatException($"{path}: does not exist; check the path", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new DataFormatException($"{path}: cannot be opened; check that it is a file and its permissions", e);
        }
        catch (Exception e) when (e is EndOfStreamException or InvalidDataException)
        {
            throw new DataFormatException($"{path}: is truncated or damaged ({OneLine(e.Message)}); fetch it again", e);
        }
        catch (Exception e) when (e is IOException or NotSupportedException)
        {
            throw new DataFormatException($"{path}: cannot be read ({OneLine(e.Message)})", e);
        }
    }

    /// <summary>Whether the file system could not take what was written: the disk is full, the folder is gone or read-only, the file is too large.</summary>
    /// <remarks>.NET reports a file that is too large for the file system (EFBIG) as an argument out of range.</remarks>
    public static bool IsOfWriting(Exception e) =>
        e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentOutOfRangeException;

    /// <summary>What to say of a file that could not be written.</summary>
    public static DataFormatException Unwritable(string path, Exception e) =>
        new(
            $"{path}: cannot be written ({(e is ArgumentOutOfRangeException ? "it would be larger than a file may be here" : OneLine(e.Message))}); check free space and permissions",
            e
        );

    /// <summary>Opens a file for reading in any order.</summary>
    public static FileStream OpenRead(string path) => Translate(path, () => InputFile.OpenRead(path));

    /// <inheritdoc cref="Names.Quote"/>
    public static string Quote(string name) => Names.Quote(name);

    private static string OneLine(string message) => Names.Shown(message).TrimEnd('.', ' ');
}
