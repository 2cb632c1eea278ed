using InvFusion.Ops.Kernels;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>The <see cref="RopeTable"/> of the positions and frequencies that came last: a network sees the same grid at every step.</summary>
internal sealed unsafe class RopeCache
{
    private float[] _positions = [];
    private float[] _frequencies = [];
    private RopeTable? _table;

    /// <summary>The table.</summary>
    /// <param name="positions"><c>[h, w, 2]</c>.</param>
    /// <param name="frequencies"><c>[n, e/8]</c>.</param>
    public RopeTable Get(Tensor positions, Tensor frequencies)
    {
        using TensorRows p = new(positions),
            f = new(frequencies);
        Span<float> newPositions = Numbers(p),
            newFrequencies = Numbers(f);
        if (_table is null || !newPositions.SequenceEqual(_positions) || !newFrequencies.SequenceEqual(_frequencies))
        {
            _table = new(p.Tensor, f.Tensor);
            (_positions, _frequencies) = (newPositions.ToArray(), newFrequencies.ToArray());
        }
        return _table;
    }

    private static Span<float> Numbers(TensorRows rows) => new(rows.Floats, (int)rows.Tensor.NumberOfElements);
}
