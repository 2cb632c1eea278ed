using System.Collections.Concurrent;
using InvFusion.Distributed;
using Xunit;

namespace InvFusion.Tests.Distributed;

public class CollectiveTests
{
    [Theory]
    [InlineData(10, 4)]
    [InlineData(4, 4)]
    [InlineData(65536, 7)]
    public void Parts_cover_everything_once_and_evenly(int count, int ranks)
    {
        var parts = new (int First, int Length)[ranks];
        ThreadedRanks.Run(ranks, r => parts[r.Rank] = r.Part(count));
        var expected = 0;
        foreach (var (first, length) in parts)
        {
            Assert.Equal(expected, first);
            expected += length;
        }
        Assert.Equal(count, expected);
        Assert.InRange(parts.Max(p => p.Length) - parts.Min(p => p.Length), 0, 1);
    }

    [Fact]
    public void A_text_of_the_first_rank_reaches_all()
    {
        var texts = new ConcurrentBag<string>();
        ThreadedRanks.Run(3, r => texts.Add(r.Text(() => $"σ of rank {r.Rank}")));
        Assert.Equal(Enumerable.Repeat("σ of rank 0", 3), texts);
    }

    [Fact]
    public void One_rank_is_enough_to_stop_all()
    {
        var answers = new ConcurrentBag<(bool One, bool None)>();
        ThreadedRanks.Run(3, r => answers.Add((r.Any(r.Rank == 2), r.Any(false))));
        Assert.Equal(Enumerable.Repeat((true, false), 3), answers);
    }

    [Fact]
    public void The_watch_tells_who_died()
    {
        var reports = new ConcurrentBag<string>();
        ThreadedRanks.Run(
            3,
            r =>
            {
                if (r.Rank == 2)
                {
                    foreach (var (_, socket) in RankConnections.Open(r))
                        socket.Dispose(); // what the system does for a process that was killed
                    return;
                }
                using var ended = new Ended(r);
                using var watch = new DeathWatch(ended, reports.Add);
                Assert.True(ended.Wait());
            }
        );
        Assert.Equal(["rank 2 of 3 has died; the others end too"], reports);
    }

    [Fact]
    public void Ranks_that_leave_in_order_set_off_nothing()
    {
        var reports = new ConcurrentBag<string>();
        ThreadedRanks.Run(
            3,
            r =>
            {
                using var ended = new Ended(r);
                using (new DeathWatch(ended, reports.Add))
                    r.Barrier();
                Assert.False(ended.Now);
            }
        );
        Assert.Empty(reports);
    }

    /// <summary>A rank whose end is an event instead of the end of the process.</summary>
    private sealed class Ended(ICollective ranks) : ICollective
    {
        private readonly ManualResetEventSlim _ended = new();

        public bool Now => _ended.IsSet;
        public int Rank => ranks.Rank;
        public int Size => ranks.Size;
        public int LocalRank => ranks.LocalRank;
        public int LocalSize => ranks.LocalSize;
        public ProcessorShare Processors => ranks.Processors;

        public bool Wait() => _ended.Wait(TimeSpan.FromMinutes(1));

        public void Sum(TorchSharp.torch.Tensor values) => ranks.Sum(values);

        public void Broadcast(TorchSharp.torch.Tensor values) => ranks.Broadcast(values);

        public void Reduce(Span<double> values, Reduction reduction) => ranks.Reduce(values, reduction);

        public void Broadcast(Span<byte> bytes) => ranks.Broadcast(bytes);

        public void Barrier() => ranks.Barrier();

        public void Abort(int code) => _ended.Set();

        public void Dispose() => _ended.Dispose();
    }
}
