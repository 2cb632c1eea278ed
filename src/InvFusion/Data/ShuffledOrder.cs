using InvFusion.Runtime;

namespace InvFusion.Data;

/// <summary>The order in which training sees the images: a pure function of the seed and of the number of images seen so far.</summary>
/// <remarks>Each epoch is a permutation of its own, drawn from (seed, epoch), so that every image comes once an epoch and a run resumes anywhere without saved state. Thread safe.</remarks>
public sealed class ShuffledOrder
{
    private const ulong Purpose = 0x6F72646572; // "order": keeps this stream apart from others of the same seed

    private readonly ulong _seed;

    // Two, because the threads of a loader work on both sides of an epoch's end.
    private readonly Epoch?[] _latest = new Epoch?[2];

    /// <summary>Creates the order.</summary>
    /// <param name="count">Number of images.</param>
    /// <param name="seed">The run's seed.</param>
    public ShuffledOrder(int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        (Count, _seed) = (count, seed);
    }

    /// <summary>Number of images.</summary>
    public int Count { get; }

    /// <summary>The image that comes after <paramref name="counter"/> others.</summary>
    /// <param name="counter">Images seen before, from 0 on, over all epochs.</param>
    public int IndexAt(long counter)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(counter);
        var (number, position) = Math.DivRem(counter, Count);
        ref var latest = ref _latest[number & 1];
        var epoch = latest;
        if (epoch is null || epoch.Number != number)
            latest = epoch = new Epoch(number, Permutation(number)); // Two threads may compute the same permutation: harmless.
        return epoch.Order[position];
    }

    // Fisher-Yates.
    private int[] Permutation(long epoch)
    {
        var stream = new RandomStream(_seed, Purpose, (ulong)epoch);
        var order = new int[Count];
        for (var i = 0; i < order.Length; i++)
        {
            var j = stream.NextInt(0, i + 1);
            order[i] = order[j];
            order[j] = i;
        }
        return order;
    }

    private sealed record Epoch(long Number, int[] Order);
}
