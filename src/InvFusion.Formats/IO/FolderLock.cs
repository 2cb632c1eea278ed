namespace InvFusion.Formats.IO;

/// <summary>
/// Keeps a folder for one process: <c>.lock</c> in it is locked, and <c>.owner</c> says by whom. A process that was killed leaves <c>.owner</c> behind, but no lock.
/// </summary>
public sealed class FolderLock : IDisposable
{
    private const string LockFile = ".lock";
    private const string OwnerFile = ".owner";

    private readonly FileLock _lock;
    private readonly string _owner;

    private FolderLock(FileLock taken, string owner, string? leftBy) => (_lock, _owner, LeftBy) = (taken, owner, leftBy);

    /// <summary>
    /// A process of another host that did not give the folder back, in words; null where there is none. It is dead, unless the folder's file system keeps the
    /// locks of each host to itself, which cannot be seen from here.
    /// </summary>
    public string? LeftBy { get; }

    /// <summary>Takes a folder, and makes it where it is missing.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="DataFormatException">Another process has it, which the message names as far as it is known; or the folder cannot be written.</exception>
    public static FolderLock Take(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var owner = Path.Combine(folder, OwnerFile);
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (FormatErrors.IsOfWriting(e))
        {
            throw FormatErrors.Unwritable(folder, e);
        }
        var taken =
            FileLock.TryTake(Path.Combine(folder, LockFile))
            ?? throw new DataFormatException(
                $"{folder}: is in use by {Read(owner) ?? "another process"}; wait for its end, or use another folder"
            );
        try
        {
            var before = Read(owner);
            AtomicFile.WriteAllText(owner, $"process {Environment.ProcessId} on {Environment.MachineName}, since {DateTime.UtcNow:s}Z");
            return new(taken, owner, before?.Contains($" on {Environment.MachineName},", StringComparison.Ordinal) == true ? null : before);
        }
        catch
        {
            taken.Dispose();
            throw;
        }
    }

    /// <summary>Gives the folder back.</summary>
    public void Dispose()
    {
        try
        {
            File.Delete(_owner);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The folder was taken away; there is nothing to give back.
        }
        _lock.Dispose();
    }

    private static string? Read(string owner)
    {
        try
        {
            return FormatErrors.Quote(File.ReadAllText(owner).Trim());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
