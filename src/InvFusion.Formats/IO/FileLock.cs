namespace InvFusion.Formats.IO;

/// <summary>Keeps a name for one process at a time. The system gives it back when the process ends, however it ends: no lock outlives its owner.</summary>
public sealed class FileLock : IDisposable
{
    // EWOULDBLOCK of Linux and macOS, ERROR_SHARING_VIOLATION of Windows.
    private static readonly int[] TakenCodes = [11, 35, unchecked((int)0x80070020)];

    private readonly FileStream _stream;

    private FileLock(FileStream stream) => _stream = stream;

    /// <summary>Takes a lock.</summary>
    /// <param name="path">The lock's file; made where it is missing, in a folder that is there.</param>
    /// <param name="temporary">Whether the file goes with the lock.</param>
    /// <returns>The lock, to be disposed; null where another one is held.</returns>
    /// <exception cref="DataFormatException">The file cannot be made.</exception>
    public static FileLock? TryTake(string path, bool temporary = false)
    {
        try
        {
            var options = temporary ? FileOptions.DeleteOnClose : FileOptions.None;
            return new(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, options));
        }
        catch (IOException e) when (TakenCodes.Contains(e.HResult))
        {
            return null;
        }
        catch (Exception e) when (FormatErrors.IsOfWriting(e))
        {
            throw FormatErrors.Unwritable(path, e);
        }
    }

    /// <summary>Gives the lock back.</summary>
    public void Dispose() => _stream.Dispose();
}
