using InvFusion.Data;
using Xunit;

namespace InvFusion.Tests.Data;

public class PrefetchingLoaderTests
{
    private static readonly LoaderOptions Options = new()
    {
        BatchSize = 5,
        Seed = 3,
        HorizontalFlip = true,
    };

    [Fact]
    public void Batches_come_in_the_order_of_the_counter()
    {
        using var set = new MemorySet(17);
        var order = new ShuffledOrder(17, 3);
        using var loader = new PrefetchingLoader(set, Options);
        for (var k = 0; k < 20; k++)
        {
            var batch = Next(loader);
            Assert.Equal(5 * k, batch.Counter);
            Assert.Equal(Enumerable.Range(0, 5).Select(i => order.IndexAt(5 * k + i)), batch.Indices);
        }
    }

    [Fact]
    public void Numbers_labels_and_flips_belong_to_the_index()
    {
        using var set = new MemorySet(17);
        using var loader = new PrefetchingLoader(set, Options);
        var flips = 0;
        for (var k = 0; k < 40; k++)
        {
            var batch = Next(loader);
            for (var i = 0; i < batch.Count; i++)
            {
                var first = 4 * batch.Indices[i];
                int[] expected = batch.Flipped[i] ? [first + 1, first, first + 3, first + 2] : [first, first + 1, first + 2, first + 3];
                Assert.Equal(expected.Select(v => v / 127.5f - 1), batch.Values[(4 * i)..(4 * i + 4)]);
                Assert.Equal(batch.Indices[i] % 3, batch.Labels[i]);
                Assert.Equal(1, batch.OneHotLabels()[3 * i + batch.Labels[i]]);
                flips += batch.Flipped[i] ? 1 : 0;
            }
            Assert.Equal(5, batch.OneHotLabels().Sum());
        }
        Assert.InRange(flips, 65, 135); // 100 ± 5 standard deviations
    }

    [Fact]
    public void A_restart_goes_on_where_the_run_stood_even_with_another_batch_size()
    {
        using var set = new MemorySet(17);
        var whole = Stream(set, Options, 24);
        Assert.Equal(whole[60..], Stream(set, Options with { StartCounter = 60 }, 12));
        Assert.Equal(whole[35..115], Stream(set, Options with { StartCounter = 35, BatchSize = 8 }, 10));
    }

    [Fact]
    public void Two_processes_share_the_order()
    {
        using var set = new MemorySet(17);
        var whole = Stream(set, Options, 8);
        var first = Stream(set, Options with { Stride = 10 }, 4);
        var second = Stream(set, Options with { StartCounter = 5, Stride = 10 }, 4);
        Assert.Equal(whole, first.Chunk(5).Zip(second.Chunk(5), (a, b) => a.Concat(b)).SelectMany(pair => pair));
    }

    [Fact]
    public void Without_shuffling_the_order_is_that_of_the_set()
    {
        using var set = new MemorySet(7);
        using var loader = new PrefetchingLoader(set, Options with { Shuffle = false });
        Assert.Equal([0, 1, 2, 3, 4], Next(loader).Indices);
        Assert.Equal([5, 6, 0, 1, 2], Next(loader).Indices);
    }

    [Fact]
    public void A_broken_image_surfaces_by_name_at_its_batch_and_stays()
    {
        using var set = new MemorySet(20, broken: 12);
        using var loader = new PrefetchingLoader(set, Options with { Shuffle = false });
        Next(loader);
        Next(loader);
        Assert.Contains("12.png", Assert.Throws<DataFormatException>(() => Next(loader)).Message);
        Assert.Contains("12.png", Assert.Throws<DataFormatException>(() => Next(loader)).Message);
    }

    [Fact]
    public void It_reads_ahead_but_only_so_far()
    {
        using var set = new MemorySet(1000);
        using var loader = new PrefetchingLoader(set, Options with { Prefetch = 3 });
        Assert.True(SpinWait.SpinUntil(() => set.Reads == 15, TimeSpan.FromSeconds(30)), $"{set.Reads} reads");
        Next(loader);
        Assert.True(SpinWait.SpinUntil(() => set.Reads == 20, TimeSpan.FromSeconds(30)), $"{set.Reads} reads");
        Thread.Sleep(100);
        Assert.Equal(20, set.Reads);
    }

    [Fact]
    public void Nothing_touches_the_set_after_disposal()
    {
        for (var i = 0; i < 20; i++)
        {
            var set = new MemorySet(100);
            var loader = new PrefetchingLoader(set, Options);
            if (i % 2 == 0)
                Next(loader);
            loader.Dispose();
            set.Dispose();
            var reads = set.Reads;
            Thread.Sleep(5);
            Assert.Equal(reads, set.Reads);
            Assert.False(set.ReadAfterDisposal);
            Assert.Throws<ObjectDisposedException>(() => Next(loader));
            loader.Dispose();
        }
    }

    [Fact]
    public void A_cancelled_wait_loses_no_batch()
    {
        using var set = new MemorySet(17);
        using var loader = new PrefetchingLoader(set, Options);
        Assert.ThrowsAny<OperationCanceledException>(() => loader.Next(new CancellationToken(canceled: true)));
        Assert.Equal(0, Next(loader).Counter);
    }

    [Theory]
    [InlineData(0, 4, 0)]
    [InlineData(1, 0, 0)]
    [InlineData(1, 1, -1)]
    public void Senseless_options_are_refused(int batch, int prefetch, long start)
    {
        using var set = new MemorySet(3);
        var options = new LoaderOptions
        {
            BatchSize = batch,
            Prefetch = prefetch,
            StartCounter = start,
        };
        Assert.Throws<ConfigurationException>(() => new PrefetchingLoader(set, options));
    }

    private static ImageBatch Next(PrefetchingLoader loader) => loader.Next(TestContext.Current.CancellationToken);

    // What a run sees: per image its index, mirrored or not, and its first number.
    private static (int Index, bool Flipped, float Value)[] Stream(MemorySet set, LoaderOptions options, int batches)
    {
        using var loader = new PrefetchingLoader(set, options);
        return
        [
            .. Enumerable
                .Range(0, batches)
                .Select(_ => Next(loader))
                .SelectMany(b => b.Indices.Select((index, i) => (index, b.Flipped[i], b.Values[4 * i]))),
        ];
    }
}
