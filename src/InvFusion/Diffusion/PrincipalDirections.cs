using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>What an NPPC network's raw direction images say.</summary>
public static class PrincipalDirections
{
    /// <summary>
    /// Gram-Schmidt in order: each direction loses its part along those before it, which are held fixed, so that its gradient does not move them.
    /// </summary>
    /// <param name="raw">Raw directions <c>[B, K, C, H, W]</c>.</param>
    /// <returns>
    /// Vectors, the orthogonal directions <c>[B, K, C, H, W]</c>, each as long as one standard deviation along it, and Norms, those lengths <c>[B, K]</c>.
    /// </returns>
    public static (Tensor Vectors, Tensor Norms) Orthogonalize(Tensor raw)
    {
        using var scope = NewDisposeScope();
        var units = new List<Tensor>();
        var vectors = new List<Tensor>();
        foreach (var direction in raw.flatten(2).unbind(1)) // [B, C·H·W] each
        {
            var rest = direction;
            foreach (var unit in units)
                rest = rest - (rest * unit).sum([1], keepdim: true) * unit;
            vectors.Add(rest);
            units.Add((rest / rest.norm(1, keepdim: true).clamp_min(1e-20)).detach());
        }
        var all = stack(vectors, 1);
        return (all.reshape(raw.shape).MoveToOuterDisposeScope(), all.norm(2).MoveToOuterDisposeScope());
    }
}
