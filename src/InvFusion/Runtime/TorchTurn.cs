namespace InvFusion.Runtime;

/// <summary>
/// The right to work with libtorch: one thread of the process has it at a time, the others wait for it. Restorations, samplers, evaluations of a network, the building
/// of operators and the loading of networks take it by themselves, so that any number of threads may share networks, operators and restorers.
/// </summary>
/// <remarks>
/// Nothing is lost by it: one evaluation already keeps all processors busy. Without it, caches of a network (packed weights, scales of its norms, positions) would change
/// under another thread, and the collector would free numbers that libtorch is reading (<see cref="CollectionPause"/>). Tensor work of one's own that runs beside
/// restorations on other threads (for example <c>op.Apply(image)</c>) takes a turn too.
/// </remarks>
/// <example>
/// <code>
/// using (TorchTurn.Take())
///     y = op.Apply(image);
/// </code>
/// </example>
public readonly struct TorchTurn : IDisposable
{
    private const int PatienceMilliseconds = 50; // between two looks at the cancellation

    private static readonly object Gate = new(); // a monitor: the thread that has the turn may take it again

    private readonly bool _taken;

    private TorchTurn(bool taken) => _taken = taken;

    /// <summary>Waits for the turn; disposing it, on the same thread, gives it back. A thread that has it gets it again at once.</summary>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="OperationCanceledException">Cancelled while another thread had the turn.</exception>
    public static TorchTurn Take(CancellationToken cancellation = default)
    {
        if (!cancellation.CanBeCanceled)
            Monitor.Enter(Gate);
        else
            while (!Monitor.TryEnter(Gate, PatienceMilliseconds))
                cancellation.ThrowIfCancellationRequested();
        return new(taken: true);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_taken)
            Monitor.Exit(Gate);
    }
}
