using InvFusion.Ops;
using InvFusion.Ops.Kernels;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>
/// Residual self-attention (InvFusion, section 4): cosine similarity with one learned scale per head, axial rotary embedding, global or neighborhood
/// windows, and at joint levels extra keys and values from the degraded features under the same softmax.
/// </summary>
public sealed class SelfAttentionBlock : nn.Module
{
    private const double InitialScale = 10;
    private readonly int _headWidth;
    private readonly int _kernel;
    private readonly double _dropout;
    private readonly WeightCache _fromTokensAlone = new();
    private readonly WeightCache _fromTokens = new();
    private readonly WeightCache _fromFeatures = new();
    private readonly RopeCache _rope = new();

    [ComponentName(Name = "scale")]
    private readonly Parameter _scale;

    [ComponentName(Name = "norm")]
    private readonly AdaptiveRmsNorm _norm;

    [ComponentName(Name = "jnorm")]
    private readonly AdaptiveRmsNorm? _jointNorm;

    [ComponentName(Name = "qkv_proj")]
    private readonly Linear _qkvProj;

    [ComponentName(Name = "jk_proj")]
    private readonly Linear? _jointKeyProj;

    [ComponentName(Name = "jv_proj")]
    private readonly Linear? _jointValueProj;

    [ComponentName(Name = "pos_emb")]
    private readonly RopeFrequencies _posEmb;

    [ComponentName(Name = "out_proj")]
    private readonly Linear _outProj;

    /// <summary>Creates the block.</summary>
    /// <param name="width">d, channels of a token.</param>
    /// <param name="headWidth">e, channels of a head; a multiple of 8 that divides <paramref name="width"/>.</param>
    /// <param name="kernel">Window side of neighborhood attention, or 0 for global attention.</param>
    /// <param name="conditionWidth">Width of the conditioning vector.</param>
    /// <param name="joint">Whether the block has extra keys and values.</param>
    /// <param name="dropout">Dropout before the out-projection, in training.</param>
    public SelfAttentionBlock(int width, int headWidth, int kernel, int conditionWidth, bool joint, double dropout)
        : base(nameof(SelfAttentionBlock))
    {
        (_headWidth, _kernel, _dropout) = (headWidth, kernel, dropout);
        var heads = width / headWidth;
        _scale = Parameters.Create(full([heads], InitialScale));
        _norm = new(width, conditionWidth);
        _qkvProj = new(width, 3 * width);
        _posEmb = new(heads, headWidth);
        _outProj = new(width, width, zero: true);
        if (joint)
        {
            _jointNorm = new(width, conditionWidth);
            _jointKeyProj = new(2 * width, width);
            _jointValueProj = new(width, width);
        }
        RegisterComponents();
    }

    /// <summary>Applies the block.</summary>
    /// <param name="tokens"><c>[B, h, w, d]</c>.</param>
    /// <param name="positions"><c>[h, w, 2]</c>.</param>
    /// <param name="condition"><c>[B, c]</c>.</param>
    /// <param name="joint">The degraded features.</param>
    /// <param name="dtype">Type of the products.</param>
    /// <returns><c>[B, h, w, d]</c>.</returns>
    public Tensor Forward(Tensor tokens, Tensor positions, Tensor condition, JointFeatures joint, ScalarType dtype)
    {
        if (FusedKernels.Take(FusedKernel.Attention, tokens) && CanFuse(tokens) && dtype is ScalarType.Float32 or ScalarType.BFloat16)
        {
            using var delta = FusedWithGraph(tokens, positions, condition, joint, dtype);
            return Residual.Apply(tokens, delta);
        }
        using var scope = NewDisposeScope();
        var (h, w) = ((int)tokens.shape[1], (int)tokens.shape[2]);
        var rope = AxialRope.Table(positions, _posEmb.Frequencies, dtype);
        var u = _norm.call(tokens, condition, dtype);
        var qkv = _qkvProj.call(u).chunk(3, -1);
        var q = Position(Heads(qkv[0]), rope);
        var keys = new List<Tensor> { Position(Heads(qkv[1]), rope) };
        var values = new List<Tensor> { Heads(qkv[2]) };
        if (joint.Kind != JointKind.None && _jointKeyProj is not null)
        {
            var (k, v) = JointKeyValue(u, joint, condition, dtype);
            keys.Add(Position(Heads(k), rope));
            values.Add(v is null ? zeros_like(values[0]) : Heads(v));
        }
        var attended = _kernel == 0 ? Global(q, keys, values) : NeighborhoodAttention.Apply(q, keys, values, h, w, _kernel);
        var merged = attended.transpose(1, 2).reshape(tokens.shape); // [B, n, L, e] → [B, h, w, d]
        merged = nn.functional.dropout(merged, _dropout, training);
        return (tokens + _outProj.call(merged)).MoveToOuterDisposeScope();
    }

    /// <summary>Whether <see cref="Fused"/> has room for these tokens.</summary>
    internal bool CanFuse(Tensor tokens) => tokens.dtype == ScalarType.Float32 && AttentionKernel.Takes(Shape(tokens));

    /// <summary>Whether <see cref="Attend"/> can take its projections, and what comes behind it its own, from packed weights.</summary>
    internal bool CanPack(ScalarType dtype) => _qkvProj.Packs(dtype) && _outProj.Packs(dtype);

    /// <summary>The map behind the heads.</summary>
    internal Linear OutProjection => _outProj;

    /// <summary>What <see cref="Forward"/> adds to the tokens, in the given type: fused, in evaluation, without a graph.</summary>
    internal Tensor Fused(Tensor tokens, Tensor positions, Tensor condition, JointFeatures joint, ScalarType dtype)
    {
        using var attended = Attend(tokens, positions, condition, joint, dtype);
        return _outProj.call(attended);
    }

    /// <summary>The same with a graph, and with dropout in training.</summary>
    /// <remarks>Windows have a kernel of their own; in global attention it is what stands before and between libtorch's products.</remarks>
    internal Tensor FusedWithGraph(Tensor tokens, Tensor positions, Tensor condition, JointFeatures joint, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var (shape, rope) = (Shape(tokens), _rope.Get(positions, _posEmb.Frequencies));
        var (fromTokens, fromFeatures) = Projections(tokens, condition, joint, dtype, pack: false);
        var attended =
            _kernel == 0
                ? Products(fromTokens, fromFeatures, shape, rope)
                : AttentionFunction.Apply(fromTokens, fromFeatures, _scale, shape, rope);
        attended = nn.functional.dropout(attended, _dropout, training);
        return _outProj.call(attended).MoveToOuterDisposeScope();
    }

    /// <summary>What the heads read, <c>[B, h, w, d]</c> in the given type: the input of <see cref="OutProjection"/>; fused, in evaluation, without a graph.</summary>
    internal Tensor Attend(Tensor tokens, Tensor positions, Tensor condition, JointFeatures joint, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (shape, rope) = (Shape(tokens), _rope.Get(positions, _posEmb.Frequencies));
        var pack = CanPack(dtype);
        var (fromTokens, fromFeatures) = Projections(tokens, condition, joint, dtype, pack);
        if (pack && PackedAttention.Takes(shape))
            return PackedAttention.Apply(fromTokens, fromFeatures, _scale, shape, rope).MoveToOuterDisposeScope();
        if (dtype != ScalarType.BFloat16 || _kernel != 0)
            return AttentionFunction.Compute(fromTokens, fromFeatures, _scale, shape, rope).MoveToOuterDisposeScope();
        var (q, k, v) = AttentionHeads.Compute(fromTokens, fromFeatures, _scale, shape, rope);
        return ProductAttention.Apply(q, k, v, shape).MoveToOuterDisposeScope();
    }

    private Tensor Products(Tensor fromTokens, Tensor? fromFeatures, AttentionShape shape, RopeTable rope)
    {
        var (q, k, v) = AttentionHeads.Apply(fromTokens, fromFeatures, _scale, shape, rope);
        return ProductAttention.Join(ProductAttentionFunction.Apply(q, k, v), shape);
    }

    // (q | k | v) or (q | k | v | extra k) of the tokens, and (rest of extra k | extra v) of the degraded features: null where those are zero.
    private (Tensor FromTokens, Tensor? FromFeatures) Projections(
        Tensor tokens,
        Tensor condition,
        JointFeatures joint,
        ScalarType dtype,
        bool pack
    )
    {
        var fromTokens =
            joint.Kind == JointKind.None || _jointKeyProj is null
                ? Project(tokens, _norm, _fromTokensAlone, () => _qkvProj.Weight)
                : Project(tokens, _norm, _fromTokens, FromTokens);
        if (joint.Kind != JointKind.Given || _jointKeyProj is null)
            return (fromTokens, null);
        return (fromTokens, Project(joint.Tokens!, _jointNorm!, _fromFeatures, FromFeatures));

        Tensor Project(Tensor x, AdaptiveRmsNorm norm, WeightCache weights, Func<Tensor> join) =>
            pack
                ? ProjectionKernel.Apply(x, norm.Scale(condition), weights.Packed(dtype, type => PackedWeights.Pack(join(), type)))
                : nn.functional.linear(norm.call(x, condition, dtype), weights.Get(_scale, dtype, type => join().to_type(type)));
    }

    // The projections of u side by side: one product instead of two or four, and none of [u, g] joined.
    private Tensor FromTokens() => cat([_qkvProj.Weight, _jointKeyProj!.Weight.narrow(1, 0, _qkvProj.Weight.shape[1])], 0);

    private Tensor FromFeatures()
    {
        var width = _qkvProj.Weight.shape[1];
        return cat([_jointKeyProj!.Weight.narrow(1, width, width), _jointValueProj!.Weight], 0);
    }

    private AttentionShape Shape(Tensor tokens)
    {
        var s = tokens.shape;
        return new((int)s[0], (int)s[3] / _headWidth, _headWidth, (int)s[1], (int)s[2], _kernel);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _fromTokensAlone.Dispose();
        _fromTokens.Dispose();
        _fromFeatures.Dispose();
        base.Dispose(disposing);
    }

    private static Tensor Global(Tensor q, List<Tensor> keys, List<Tensor> values) =>
        keys.Count == 1 ? GlobalAttention.Apply(q, keys[0], values[0]) : GlobalAttention.Apply(q, cat(keys, 2), cat(values, 2));

    // Keys = Linear([u, v_g]), values = Linear(v_g), with v_g = AdaRMSNorm'(g, cond). Where g = 0, v_g is 0 too: keys from u alone, values 0 (null).
    private (Tensor Keys, Tensor? Values) JointKeyValue(Tensor u, JointFeatures joint, Tensor condition, ScalarType dtype)
    {
        if (joint.Kind == JointKind.Zero)
        {
            var half = _jointKeyProj!.Weight.narrow(1, 0, u.shape[^1]).to_type(dtype);
            return (nn.functional.linear(u, half), null);
        }
        var g = _jointNorm!.call(joint.Tokens!, condition, dtype);
        return (_jointKeyProj!.call(cat([u, g], -1)), _jointValueProj!.call(g));
    }

    private Tensor Heads(Tensor x) => x.view(x.shape[0], x.shape[1] * x.shape[2], -1, _headWidth).transpose(1, 2); // → [B, n, L, e]

    private Tensor Position(Tensor x, (Tensor Cos, Tensor Sin) rope) => AxialRope.Rotate(Ops.CosineSimilarity.Normalize(x, _scale), rope);
}
