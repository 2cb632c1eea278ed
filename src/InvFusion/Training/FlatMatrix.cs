using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>A matrix that is a contiguous part of flat tensors.</summary>
/// <param name="Name">State-dict name of its parameter, with the part's number where several are stacked, for example <c>….qkv_proj.weight#1</c>.</param>
/// <param name="Offset">Its first element in the flat tensors.</param>
/// <param name="Rows">Rows (outputs).</param>
/// <param name="Columns">Columns (inputs).</param>
public readonly record struct FlatMatrix(string Name, int Offset, int Rows, int Columns)
{
    /// <summary>Elements.</summary>
    public int Length => Rows * Columns;

    /// <summary>The matrix as a view of a flat tensor, <c>[Rows, Columns]</c>; of the caller's scope.</summary>
    public Tensor Of(Tensor flat)
    {
        using var part = flat.narrow(0, Offset, Length);
        return part.view(Rows, Columns);
    }
}
