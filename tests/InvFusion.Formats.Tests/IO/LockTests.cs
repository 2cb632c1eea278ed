using InvFusion.Formats.IO;
using Xunit;

namespace InvFusion.Formats.Tests.IO;

public sealed class LockTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_lock_is_held_by_one_and_given_back()
    {
        var path = _folder.File("name.lock");
        using (var first = FileLock.TryTake(path, temporary: true))
        {
            Assert.NotNull(first);
            Assert.Null(FileLock.TryTake(path));
        }
        Assert.Empty(_folder.Files); // it was temporary
        using var again = FileLock.TryTake(path);
        Assert.NotNull(again);
    }

    [Fact]
    public void A_lock_that_cannot_be_made_is_an_error_and_not_taken()
    {
        var error = Assert.Throws<DataFormatException>(() => FileLock.TryTake(_folder.File("missing/name.lock")));
        Assert.Contains("name.lock", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_in_use_is_refused_with_what_is_known_of_its_owner()
    {
        var run = _folder.File("run");
        using (FolderLock.Take(run))
        {
            var error = Assert.Throws<DataFormatException>(() => FolderLock.Take(run));
            Assert.Contains($"process {Environment.ProcessId} on {Environment.MachineName}", error.Message, StringComparison.Ordinal);
            Assert.Contains("run", error.Message, StringComparison.Ordinal);
        }
        using var again = FolderLock.Take(run);
        Assert.Null(again.LeftBy);
    }

    [Fact]
    public void The_owner_that_a_killed_process_leaves_is_told_only_where_it_may_still_run()
    {
        foreach (var (host, told) in new[] { ("elsewhere", true), (Environment.MachineName, false) })
        {
            var run = Directory.CreateDirectory(_folder.File(host)).FullName;
            File.WriteAllText(Path.Combine(run, ".owner"), $"process 17 on {host}, since 2026-01-01T00:00:00Z");
            using var taken = FolderLock.Take(run);
            Assert.Equal(told, taken.LeftBy?.Contains("process 17 on elsewhere", StringComparison.Ordinal) ?? false);
        }
    }

    [Fact]
    public void What_dead_processes_were_writing_is_swept_and_nothing_else()
    {
        const string Dead = "2147483646"; // beyond the largest number of a process
        var written = "";
        AtomicFile.Write(_folder.File("other/probe"), stream => written = ((FileStream)stream).Name); // NAME.HOST-PROCESS-COUNT.tmp
        var host = written.Split('.')[^2].Split('-')[0];
        var target = Directory.CreateDirectory(_folder.File("target")).FullName;
        string[] kept =
        [
            $"a.{host}-1-1.tmp", // process 1 lives
            $"a.00000000-{Dead}-1.tmp", // of another host
            "a.tmp",
            $"a.{host}-{Dead}-1.txt",
        ];
        string[] swept = [$"a.{host}-{Dead}-1.tmp", $"b.json.{host}-{Dead}-23.tmp", $"a.{host}-{Environment.ProcessId}-999999.tmp"];
        foreach (var name in kept.Concat(swept))
            File.WriteAllText(Path.Combine(target, name), "left");
        AtomicFile.WriteAllText(Path.Combine(target, "new.txt"), "new");
        Assert.Equal(kept.Append("new.txt").Order(), Directory.GetFiles(target).Select(f => Path.GetFileName(f)).Order());
    }
}
