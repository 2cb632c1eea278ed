using InvFusion.Distributed;
using Xunit;

namespace InvFusion.Tests.Distributed;

public class ProcessorShareTests
{
    [Fact]
    public void Unbound_ranks_divide_the_host() =>
        Assert.Equal(new ProcessorShare(4, 4), Share([0xFF, 0xFF], rank: 0, ranks: 2, online: 8));

    [Fact]
    public void A_bound_rank_keeps_to_its_own() =>
        Assert.Equal(new ProcessorShare(1, 4), Share([0x01, 0x02], rank: 1, ranks: 2, online: 8));

    [Fact]
    public void Ranks_of_a_half_divide_that_half() =>
        Assert.Equal(new ProcessorShare(2, 2), Share([0x0F, 0x0F, 0xF0, 0xF0], rank: 2, ranks: 4, online: 8));

    [Fact]
    public void The_limit_of_a_container_is_divided() =>
        Assert.Equal(new ProcessorShare(1, 1), Share([0xFF, 0xFF], rank: 0, ranks: 2, online: 8, quota: 2));

    [Fact]
    public void More_ranks_than_processors_have_one_each() =>
        Assert.Equal(new ProcessorShare(1, 1), Share([0x03, 0x03, 0x03, 0x03], rank: 3, ranks: 4, online: 2));

    [Fact]
    public void Three_ranks_on_three_processors_lose_none_to_rounding() =>
        Assert.Equal(new ProcessorShare(1, 1), Share([0x07, 0x07, 0x07], rank: 0, ranks: 3, online: 3));

    private static ProcessorShare Share(byte[] masks, int rank, int ranks, int online, int? quota = null) =>
        ProcessorShare.Of(masks, rank, ranks, online, quota ?? online);
}
