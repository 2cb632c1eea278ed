namespace InvFusion.Formats.IO;

/// <summary>Memory that the threads of the program share: who needs more of it than is left waits until others have given theirs back.</summary>
/// <param name="bytes">All of it.</param>
public sealed class MemoryBudget(long bytes)
{
    private const long MostOfMachine = 2L << 30;

    private readonly object _gate = new(); // to wait on, which a Lock does not offer
    private long _left = bytes;

    /// <summary>All of it.</summary>
    public long Bytes { get; } = bytes;

    /// <summary>Half of what the process may take by its limits and by the machine, and 2 GiB at most.</summary>
    /// <param name="parts">Into how many budgets that is divided.</param>
    public static MemoryBudget OfMachine(int parts = 1) =>
        new(Math.Min(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2, MostOfMachine) / parts);

    /// <summary>Takes a share before the memory itself is taken; waits where others have it.</summary>
    /// <param name="wanted">Bytes.</param>
    /// <param name="name">What needs them, for the message.</param>
    /// <returns>Gives the share back when disposed.</returns>
    /// <exception cref="DataFormatException">It is more than there is in all.</exception>
    public IDisposable Take(long wanted, string name)
    {
        if (wanted > Bytes)
            throw new DataFormatException(
                $"{name}: takes {wanted >> 20} MiB of memory to read, {Bytes >> 20} MiB may be taken; shrink it, or give the program more memory"
            );
        lock (_gate)
        {
            while (_left < wanted)
                Monitor.Wait(_gate);
            _left -= wanted;
        }
        return new Share(this, wanted);
    }

    private void GiveBack(long share)
    {
        lock (_gate)
        {
            _left += share;
            Monitor.PulseAll(_gate);
        }
    }

    private sealed class Share(MemoryBudget budget, long bytes) : IDisposable
    {
        private long _bytes = bytes;

        public void Dispose() => budget.GiveBack(Interlocked.Exchange(ref _bytes, 0));
    }
}
