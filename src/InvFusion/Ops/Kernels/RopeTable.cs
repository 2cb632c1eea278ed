using System.Runtime.InteropServices;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>Cosines and sines of <see cref="AxialRope"/> for all heads and tokens of a grid, laid out for whole vectors.</summary>
internal sealed unsafe class RopeTable
{
    private readonly float* _cos;

    /// <summary>Computes the table.</summary>
    /// <param name="positions"><c>[h, w, 2]</c>.</param>
    /// <param name="frequencies"><c>[n, e/8]</c>.</param>
    public RopeTable(Tensor positions, Tensor frequencies)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var quarter = (int)frequencies.shape[1] * 2; // e/4
        Stride = Lanes.Padded(quarter);
        SinOffset = frequencies.shape[0] * positions.shape[0] * positions.shape[1] * Stride;
        var angles = AxialRope.Angles(positions, frequencies).flatten(0, 1).transpose(0, 1); // [h, w, n, e/4] → [n, L, e/4]
        angles = nn.functional.pad(angles, [0, Stride - quarter]);
        _cos = (float*)NativeMemory.AlignedAlloc((nuint)(2 * SinOffset * sizeof(float)), 64);
        Copy(angles.cos(), _cos);
        Copy(angles.sin(), _cos + SinOffset);
    }

    /// <summary>e/4 rounded up to whole vectors.</summary>
    public int Stride { get; }

    /// <summary>All cosines, <c>[n, L, <see cref="Stride"/>]</c>.</summary>
    public float* Cosines => _cos;

    /// <summary>From a cosine to its sine.</summary>
    public long SinOffset { get; }

    // The graph of a pass may need it longer than whoever made it: the collector knows when nobody does.
    /// <summary>Releases the table.</summary>
    ~RopeTable() => NativeMemory.AlignedFree(_cos);

    private static void Copy(Tensor values, float* to)
    {
        var contiguous = values.contiguous();
        Buffer.MemoryCopy(
            (void*)TensorMemory.Address(contiguous),
            to,
            contiguous.NumberOfElements * sizeof(float),
            contiguous.NumberOfElements * sizeof(float)
        );
    }
}
