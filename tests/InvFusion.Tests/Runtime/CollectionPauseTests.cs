using InvFusion.Runtime;
using InvFusion.Tests.Diffusion;
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
