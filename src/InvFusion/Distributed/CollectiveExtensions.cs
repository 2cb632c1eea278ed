using System.Text;

namespace InvFusion.Distributed;

/// <summary>What is made of the calls of an <see cref="ICollective"/>.</summary>
public static class CollectiveExtensions
{
    /// <summary>Whether this rank is the one that writes and prints.</summary>
    public static bool IsFirst(this ICollective ranks) => Of(ranks).Rank == 0;

    /// <summary>Whether the condition holds on any rank: the same answer on all.</summary>
    public static bool Any(this ICollective ranks, bool condition)
    {
        Span<double> count = [condition ? 1 : 0];
        Of(ranks).Reduce(count, Reduction.Sum);
        return count[0] > 0;
    }

    /// <summary>The text that rank 0 makes, on every rank; the others make none.</summary>
    public static string Text(this ICollective ranks, Func<string> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        var bytes = Of(ranks).IsFirst() ? Encoding.UTF8.GetBytes(make()) : [];
        Span<double> length = [bytes.Length];
        ranks.Reduce(length, Reduction.Max);
        Array.Resize(ref bytes, (int)length[0]);
        ranks.Broadcast(bytes);
        return Encoding.UTF8.GetString(bytes);
    }

    /// <summary>The part of <paramref name="count"/> things that is this rank's: [first, first + length). Parts differ in length by one at most.</summary>
    public static (int First, int Length) Part(this ICollective ranks, int count)
    {
        var first = Edge(Of(ranks).Rank);
        return (first, Edge(ranks.Rank + 1) - first);

        int Edge(int rank) => (int)((long)count * rank / ranks.Size);
    }

    private static ICollective Of(ICollective ranks)
    {
        ArgumentNullException.ThrowIfNull(ranks);
        return ranks;
    }
}
