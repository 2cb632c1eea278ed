using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>What the last steps of one walk found, the newest first: the memory of a multistep method. Owns its tensors.</summary>
/// <param name="length">How many steps it remembers.</param>
internal sealed class StepHistory(int length) : IDisposable
{
    private readonly List<(double Sigma, Tensor Value)> _entries = [];

    /// <summary>How many steps are remembered by now.</summary>
    public int Count => _entries.Count;

    /// <summary>What was found so many steps ago: 0 is the step before this one.</summary>
    public (double Sigma, Tensor Value) this[int age] => _entries[age];

    /// <summary>Remembers a value, which it takes over from the dispose scope that holds it, and forgets the oldest beyond its length.</summary>
    public void Add(double sigma, Tensor value)
    {
        _entries.Insert(0, (sigma, value.DetachFromDisposeScope()));
        if (_entries.Count <= length)
            return;
        _entries[^1].Value.Dispose();
        _entries.RemoveAt(length);
    }

    /// <inheritdoc/>
    public void Dispose() => _entries.ForEach(e => e.Value.Dispose());
}
