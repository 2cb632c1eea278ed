using InvFusion.Ops.Kernels;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>x Wᵀ (+ b), computed in the input's type from float32 master weights.</summary>
/// <remarks>Unlike TorchSharp's own layer it can start at zero without drawing random numbers, and follows the activations into bfloat16.</remarks>
public sealed class Linear : nn.Module<Tensor, Tensor>
{
    private readonly WeightCache _cache = new();
    private readonly bool _packable;

    [ComponentName(Name = "weight")]
    private readonly Parameter _weight;

    [ComponentName(Name = "bias")]
    private readonly Parameter? _bias;

    /// <summary>Creates the layer.</summary>
    /// <param name="inputs">Width of the input.</param>
    /// <param name="outputs">Width of the output.</param>
    /// <param name="bias">Whether a bias is added.</param>
    /// <param name="zero">Starts at zero; otherwise uniform in ±1/√inputs (PyTorch's default).</param>
    public Linear(long inputs, long outputs, bool bias = false, bool zero = false)
        : base(nameof(Linear))
    {
        var bound = zero ? 0 : 1 / Math.Sqrt(inputs);
        _packable = PackedWeights.Takes(inputs, outputs);
        _weight = Parameters.Create(bound, outputs, inputs);
        if (bias)
            _bias = Parameters.Create(bound, outputs);
        RegisterComponents();
    }

    /// <summary>The weights, <c>[outputs, inputs]</c>.</summary>
    public Tensor Weight => _weight;

    /// <summary>The bias <c>[outputs]</c>, or null.</summary>
    public Tensor? Bias => _bias;

    /// <summary>Whether products with <see cref="Packed"/> are to be taken: the processor has them in this precision, and the weights cannot change any more.</summary>
    internal bool Packs(ScalarType dtype) =>
        _packable && ProductTile.Supports(dtype) && FusedKernels.Take(FusedKernel.Products, _weight) && !_weight.requires_grad;

    /// <summary>The weights as <see cref="PackedProduct"/> takes them.</summary>
    /// <param name="dtype">Type of the product.</param>
    /// <param name="pack">Orders them; always the same one.</param>
    internal Tensor Packed(ScalarType dtype, Func<Tensor, ScalarType, Tensor> pack) => _cache.Packed(dtype, type => pack(_weight, type));

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var weight = _cache.Get(_weight, input.dtype, dtype => _weight.to_type(dtype));
        using var bias = _bias?.to_type(input.dtype);
        return nn.functional.linear(input, weight, bias).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _cache.Dispose();
        base.Dispose(disposing);
    }
}
