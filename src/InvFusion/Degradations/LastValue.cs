using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>
/// What one noise level of a trajectory leaves for the next: the dual solution that conjugate gradients start from, or the last estimate. It belongs to one trajectory of one
/// batch: one denoiser, used by one sampler at a time.
/// </summary>
internal sealed class LastValue
{
    private readonly Dictionary<int, LastValue> _parts = [];
    private float[]? _values; // managed, so that no dispose scope has to outlive the steps of a sampler
    private long[] _shape = [];

    /// <summary>That of the samples from the given one on, in a batch of several operators.</summary>
    public LastValue Part(int first) => _parts.TryGetValue(first, out var part) ? part : _parts[first] = new();

    /// <summary>The last value, or null where there is none of this shape.</summary>
    public Tensor? Take(Tensor like) =>
        _values is not null && _shape.AsSpan().SequenceEqual(like.shape)
            ? tensor(_values).reshape(_shape).to(like.dtype, like.device)
            : null;

    /// <summary>Keeps a value.</summary>
    public void Keep(Tensor value)
    {
        using var scope = NewDisposeScope();
        _shape = value.shape;
        _values = TensorMemory.Numbers<float>(value.detach().to(ScalarType.Float32, CPU).contiguous());
    }
}
