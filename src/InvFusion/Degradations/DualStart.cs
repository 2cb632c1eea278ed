using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>
/// The dual solutions u of a trajectory's last noise level, from which the next one's conjugate gradients start. It belongs to one trajectory of one batch: one denoiser,
/// used by one sampler at a time.
/// </summary>
internal sealed class DualStart
{
    private readonly Dictionary<int, DualStart> _parts = [];
    private float[]? _values; // managed, so that no dispose scope has to outlive the steps of a sampler
    private long[] _shape = [];

    /// <summary>That of the samples from the given one on, in a batch of several operators.</summary>
    public DualStart Part(int first) => _parts.TryGetValue(first, out var part) ? part : _parts[first] = new();

    /// <summary>The last solution, or null where there is none for systems of this shape.</summary>
    public Tensor? Take(Tensor residual) =>
        _values is not null && _shape.AsSpan().SequenceEqual(residual.shape)
            ? tensor(_values).reshape(_shape).to(residual.dtype, residual.device)
            : null;

    /// <summary>Keeps a solution.</summary>
    public void Keep(Tensor dual)
    {
        using var scope = NewDisposeScope();
        _shape = dual.shape;
        _values = TensorMemory.Numbers<float>(dual.detach().to(ScalarType.Float32, CPU).contiguous());
    }
}
