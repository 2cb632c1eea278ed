namespace InvFusion.Distributed;

/// <summary>Processors of a rank.</summary>
/// <param name="Own">How many the rank may use without taking them from others; at least 1.</param>
/// <param name="Fair">How many it would be if nothing bound the ranks: those of the host divided by its ranks.</param>
public readonly record struct ProcessorShare(int Own, int Fair)
{
    /// <summary>The share of a rank from the processors that each rank of its host may run on.</summary>
    /// <param name="masks">One set of processors per rank, a bit for each; all as long.</param>
    /// <param name="rank">Which of them.</param>
    /// <param name="ranks">How many there are.</param>
    /// <param name="online">Processors of the host.</param>
    /// <param name="quota">Processors that a container's limit leaves for all of the ranks together.</param>
    internal static ProcessorShare Of(ReadOnlySpan<byte> masks, int rank, int ranks, int online, int quota)
    {
        var length = masks.Length / ranks;
        var share = 0.0; // a processor that n ranks may use counts 1/n
        for (var bit = 0; bit < length * 8; bit++)
        {
            var users = 0;
            for (var r = 0; r < ranks; r++)
                users += masks[r * length + bit / 8] >> (bit % 8) & 1;
            if ((masks[rank * length + bit / 8] >> (bit % 8) & 1) != 0)
                share += 1.0 / users;
        }
        const double Rounding = 1e-9;
        var fair = Math.Max(1, Math.Min(online, quota) / ranks);
        return new(Math.Max(1, (int)(Math.Min(share, (double)quota / ranks) + Rounding)), fair);
    }
}
