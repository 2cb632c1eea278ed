using InvFusion.Formats.IO;
using Xunit;

namespace InvFusion.Formats.Tests;

public sealed class MemoryBudgetTests
{
    [Fact]
    public void More_than_there_is_in_all_is_refused_by_name()
    {
        var budget = new MemoryBudget(64 << 20);
        var message = Assert.Throws<DataFormatException>(() => budget.Take(65 << 20, "x.png")).Message;
        Assert.StartsWith("x.png: takes 65 MiB of memory", message);
        budget.Take(64 << 20, "y.png").Dispose(); // nothing was taken
    }

    [Fact]
    public void Threads_never_have_more_than_there_is()
    {
        var budget = new MemoryBudget(100);
        var (taken, most) = (0L, 0L);
        Parallel.For(
            0,
            500,
            new ParallelOptions { MaxDegreeOfParallelism = 8 },
            i =>
            {
                var wanted = i % 100 + 1;
                using var share = budget.Take(wanted, "x");
                var now = Interlocked.Add(ref taken, wanted);
                for (var seen = Volatile.Read(ref most); now > seen; seen = Volatile.Read(ref most))
                    Interlocked.CompareExchange(ref most, now, seen);
                Thread.Yield();
                Interlocked.Add(ref taken, -wanted);
                share.Dispose(); // and once more at the end, which gives nothing back
            }
        );
        Assert.Equal(0, taken);
        Assert.InRange(most, 1, 100);
    }
}
