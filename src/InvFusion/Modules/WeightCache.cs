using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>
/// Weights as a product wants them, in its type or joined with others, made once for a network that is loaded for evaluation (its parameters ask for no gradient:
/// <see cref="Parameters.Loaded"/>) and anew in each call for one whose weights may change.
/// </summary>
internal sealed class WeightCache : IDisposable
{
    private Tensor? _kept;
    private Tensor? _packed;

    /// <summary>The weights in a type; of the cache or of the caller's dispose scope, so that they are read within it and not disposed by hand.</summary>
    /// <param name="source">Decides whether they can change.</param>
    /// <param name="dtype">Type of the product.</param>
    /// <param name="make">Makes them from the parameters; the result may be one of them.</param>
    public Tensor Get(Tensor source, ScalarType dtype, Func<ScalarType, Tensor> make)
    {
        if (source.requires_grad)
            return make(dtype);
        if (_kept is null || _kept.dtype != dtype || _kept.device_type != source.device_type)
        {
            _kept?.Dispose();
            _kept = Make(() => make(dtype));
        }
        return _kept;
    }

    /// <summary>The weights in the order of <see cref="Ops.Kernels.PackedWeights"/>, of a network that is loaded for evaluation; of the cache.</summary>
    /// <param name="dtype">Type of the product.</param>
    /// <param name="pack">Makes them; always the same.</param>
    public Tensor Packed(ScalarType dtype, Func<ScalarType, Tensor> pack)
    {
        if (_packed is null || _packed.dtype != dtype)
        {
            _packed?.Dispose();
            _packed = Make(() => pack(dtype));
        }
        return _packed;
    }

    /// <summary>Releases what is kept.</summary>
    public void Dispose()
    {
        _kept?.Dispose();
        _packed?.Dispose();
        (_kept, _packed) = (null, null);
    }

    private static Tensor Make(Func<Tensor> make)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        return make().alias().contiguous().DetachFromDisposeScope();
    }
}
