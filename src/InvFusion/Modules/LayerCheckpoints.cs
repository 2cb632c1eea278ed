using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>
/// Gradient checkpointing of one pass (Chen et al. 2016): activations inside the layers are not kept for the way back but computed anew there, which takes the
/// memory of one layer instead of all, and a third more work. Both times a layer draws the same dropout.
/// </summary>
/// <param name="seed">Of the dropout: each layer derives its own.</param>
public sealed class LayerCheckpoints(long seed)
{
    private long _layers;

    internal ExceptionDispatchInfo? Failure { get; set; }

    /// <summary>Applies a layer.</summary>
    internal Tensor Run(Func<Tensor, Tensor, Tensor, Tensor> layer, Tensor tokens, Tensor condition, Tensor positions) =>
        CheckpointedLayer.Apply(new(this, layer, seed + _layers++), tokens, condition, positions);

    /// <summary>Throws what went wrong in a layer on the way back; call it after every backward pass.</summary>
    public void ThrowIfFailed() => Failure?.Throw();
}
