namespace InvFusion.Training;

/// <summary>
/// The matrices of the transformer layers, which map tokens to tokens inside the residual stream: what Muon is for.
/// </summary>
/// <remarks>
/// Everything else is Adam's. Patch-in and patch-out, merges and splits count as embeddings: one side of them is not the residual stream of their level but pixels,
/// or tokens of another size, folded side by side; Muon's authors leave first and last layers to Adam, and what was tried on faces64 left these to it too. The
/// mapping network and the norms' maps modulate; that of the feature degradation acts on a few feature images. Scales and biases are no matrices.
/// </remarks>
public static class LayerMatrices
{
    // What the names of their parameters end with, and how many matrices each stacks: (q | k | v), and the two halves of a GEGLU.
    private static readonly (string Ending, int Parts)[] Table =
    [
        (".self_attn.qkv_proj.weight", 3),
        (".self_attn.out_proj.weight", 1),
        (".self_attn.jk_proj.weight", 1),
        (".self_attn.jv_proj.weight", 1),
        (".ff.up_proj.weight", 2),
        (".ff.down_proj.weight", 1),
    ];

    /// <summary>The matrices among the parameters of a network, by offset.</summary>
    public static IReadOnlyList<FlatMatrix> Find(FlatParameters parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        return [.. parameters.Layout.SelectMany(p => Parts(p.Name, checked((int)p.Offset), p.Shape))];
    }

    private static IEnumerable<FlatMatrix> Parts(string name, int offset, long[] shape)
    {
        var parts = Table.FirstOrDefault(entry => name.EndsWith(entry.Ending, StringComparison.Ordinal)).Parts;
        for (var i = 0; i < parts; i++)
        {
            int rows = (int)shape[0] / parts,
                columns = (int)shape[1];
            yield return new(parts == 1 ? name : $"{name}#{i}", offset + i * rows * columns, rows, columns);
        }
    }
}
