using InvFusion.Data;
using Xunit;

namespace InvFusion.Tests.Data;

public class ShuffledOrderTests
{
    [Fact]
    public void Every_epoch_holds_every_image_once()
    {
        var order = new ShuffledOrder(101, 5);
        for (var epoch = 0; epoch < 4; epoch++)
            Assert.Equal(Enumerable.Range(0, 101), Epoch(order, epoch).Order());
    }

    [Fact]
    public void Epochs_and_seeds_differ()
    {
        var epochs = Enumerable.Range(0, 20).Select(e => string.Join(",", Epoch(new ShuffledOrder(101, 5), e))).ToHashSet();
        Assert.Equal(20, epochs.Count);
        Assert.NotEqual(Epoch(new ShuffledOrder(101, 5), 0), Epoch(new ShuffledOrder(101, 6), 0));
    }

    [Fact]
    public void The_order_does_not_depend_on_how_it_is_asked()
    {
        var forward = new ShuffledOrder(13, 9);
        var expected = Enumerable.Range(0, 100).Select(i => forward.IndexAt(i)).ToArray();
        var backward = new ShuffledOrder(13, 9);
        for (var i = 99; i >= 0; i--)
            Assert.Equal(expected[i], backward.IndexAt(i));
        Parallel.For(0, 2000, i => Assert.Equal(expected[i % 100], backward.IndexAt(i % 100)));
    }

    [Fact]
    public void Each_image_is_first_about_equally_often()
    {
        var counts = new int[5];
        var order = new ShuffledOrder(5, 1);
        for (var epoch = 0; epoch < 5000; epoch++)
            counts[order.IndexAt(epoch * 5L)]++;
        Assert.All(counts, n => Assert.InRange(n, 850, 1150)); // 1000 ± 5 standard deviations
    }

    [Fact]
    public void Far_counters_work() => Assert.InRange(new ShuffledOrder(7, 1).IndexAt(long.MaxValue), 0, 6);

    private static int[] Epoch(ShuffledOrder order, int epoch) =>
        [.. Enumerable.Range(0, order.Count).Select(i => order.IndexAt((long)epoch * order.Count + i))];
}
