using InvFusion.Models;
using InvFusion.Restoration;
using Xunit;

namespace InvFusion.Tests.Restoration;

public class BatchChoiceTests
{
    private const long Plenty = 1L << 40;

    [Theory, InlineData(1, 2), InlineData(2, 4), InlineData(3, 6), InlineData(16, 32), InlineData(64, 64)]
    public void Every_thread_gets_its_rows_at_the_coarsest_level(int threads, int expected) =>
        Assert.Equal(expected, BatchChoice.OnCpu(NetworkPresets.Get("ffhq64"), threads, Plenty, graph: false)); // 8×8 tokens there

    [Fact]
    public void Threads_share_a_batch_evenly()
    {
        for (var threads = 1; threads <= 32; threads++)
        {
            var batch = BatchChoice.OnCpu(NetworkPresets.Get("ffhq64"), threads, Plenty, graph: false);
            Assert.True(batch == 1 || batch % threads == 0, $"{batch} for {threads} threads");
        }
    }

    [Fact]
    public void A_small_memory_gets_less_and_never_nothing()
    {
        var network = NetworkPresets.Get("ffhq64");
        int last = int.MaxValue;
        foreach (var megabytes in (long[])[4096, 256, 64, 16, 1])
        {
            var batch = BatchChoice.OnCpu(network, 16, megabytes << 20, graph: false);
            Assert.InRange(batch, 1, last);
            Assert.True(BatchChoice.OnCpu(network, 16, megabytes << 20, graph: true) <= batch);
            last = batch;
        }
        Assert.Equal(1, last);
        Assert.True(BatchChoice.OnCpu(network, 16, 1L << 30, graph: true) < BatchChoice.OnCpu(network, 16, 1L << 30, graph: false));
    }
}
