using InvFusion.Runtime;
using InvFusion.Tests.Diffusion;
using TorchSharp;
using Xunit;

namespace InvFusion.Tests.Runtime;

[Collection(TorchTests.Collection)] // one at a time: a pause is the process's
public class CollectionPauseTests
{
    private const int Array = 1 << 17; // in the heap of large objects, whose growth sets off full collections

    [Fact]
    public void Other_threads_set_off_no_collection()
    {
        int before,
            after;
        using (CollectionPause.Begin(64 << 20))
        {
            before = GC.CollectionCount(0);
            Allocate(16 << 20);
            after = GC.CollectionCount(0);
        }
        Assert.Equal(before, after);
        before = GC.CollectionCount(0);
        Allocate(512 << 20);
        Assert.True(GC.CollectionCount(0) > before, "the collector did not go on after the pause");
    }

    [Fact]
    public void A_long_pause_collects_between_steps_and_only_there()
    {
        using var pause = CollectionPause.Begin(64 << 20);
        var between = 0;
        for (var step = 0; step < 10; step++)
        {
            var before = GC.CollectionCount(0);
            CollectionPause.Renew();
            between += GC.CollectionCount(0) - before;
            before = GC.CollectionCount(0);
            Allocate(24 << 20);
            Assert.Equal(before, GC.CollectionCount(0));
        }
        Assert.InRange(between, 3, 20); // 216 MB, renewed after more than 32 each time
    }

    [Fact]
    public void A_pause_that_is_renewed_does_not_let_memory_grow()
    {
        using var pause = CollectionPause.Begin(64 << 20);
        using var x = torch.ones(4);
        var start = 0L;
        for (var step = 0; step < 200; step++)
        {
            CollectionPause.Renew();
            for (var i = 0; i < 20_000; i++) // small objects, some of which own native memory until their finalizer has run
            {
                GC.KeepAlive(new byte[200]);
                if (i % 20 == 0)
                    (x * 3.0).Dispose();
            }
            if (step == 20)
                start = Environment.WorkingSet;
        }
        Assert.InRange(Environment.WorkingSet - start, long.MinValue, 200 << 20); // 900 MB were allocated since
    }

    [Fact]
    public void Many_short_pauses_do_not_let_memory_grow()
    {
        var most = 0L;
        for (var step = 0; step < 200; step++)
        {
            using var pause = CollectionPause.Begin(64 << 20);
            for (var i = 0; i < 20_000; i++)
                GC.KeepAlive(new byte[200]);
            most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: false));
        }
        Assert.InRange(most, 0, 120 << 20); // 900 MB were allocated
    }

    [Fact]
    public void A_sum_is_right_beside_threads_that_allocate()
    {
        using var stop = new CancellationTokenSource();
        var others = Enumerable.Range(0, 2).Select(_ => new Thread(() => Churn(stop.Token)) { IsBackground = true }).ToArray();
        using var pause = CollectionPause.Begin(1 << 30);
        foreach (var thread in others)
            thread.Start();
        var wrong = 0;
        using var x = torch.ones(64);
        for (var i = 0; i < 20_000; i++)
        {
            CollectionPause.Renew();
            using var y = x * 3.0;
            using var z = y + x;
            using var w = z.sum();
            wrong += w.item<float>() == 256 ? 0 : 1;
        }
        stop.Cancel();
        foreach (var thread in others)
            thread.Join();
        Assert.Equal(0, wrong);
    }

    [Fact]
    public void A_pause_within_a_pause_and_one_that_is_overdrawn_do_no_harm()
    {
        using (CollectionPause.Begin(16 << 20))
        {
            using (CollectionPause.Begin(16 << 20)) { }
            Allocate(256 << 20);
        }
        var before = GC.CollectionCount(0);
        Allocate(512 << 20);
        Assert.True(GC.CollectionCount(0) > before, "the collector did not go on after the pauses");
    }

    // Half a gigabyte a second or so, in pieces: without the pause a collection every few milliseconds.
    private static void Churn(CancellationToken stop)
    {
        for (var i = 0; !stop.IsCancellationRequested; i++)
        {
            GC.KeepAlive(new byte[1 << 10]);
            if (i % 512 == 0)
                Thread.Sleep(1);
        }
    }

    private static void Allocate(long bytes)
    {
        var thread = new Thread(() =>
        {
            for (long i = 0; i < bytes; i += Array)
                GC.KeepAlive(new byte[Array]);
        });
        thread.Start();
        thread.Join();
    }
}
