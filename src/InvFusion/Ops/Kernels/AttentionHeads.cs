using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// From projections to heads, as a node of the graph: queries and keys cosine-normalised and rotated, ordinary keys and values first and the extra ones behind them,
/// in the layout of batched products.
/// </summary>
internal sealed unsafe class AttentionHeads : autograd.MultiTensorFunction<AttentionHeads>
{
    private const string RopeKey = "rope";
    private const string ShapeKey = "shape";

    /// <inheritdoc/>
    public override string Name => nameof(AttentionHeads);

    /// <summary>Queries <c>[B·n, L, e]</c>, keys and values <c>[B·n, L or 2L, e]</c>.</summary>
    /// <param name="fromTokens">(q | k | v) or (q | k | v | extra k), <c>[B, h, w, 3d or 4d]</c>.</param>
    /// <param name="fromFeatures">(rest of extra k | extra v), <c>[B, h, w, 2d]</c>; null where there are none, and extra values are zero.</param>
    /// <param name="scale">s per head, <c>[n]</c> float32.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="rope">Rotations; must live until the way back.</param>
    public static (Tensor Queries, Tensor Keys, Tensor Values) Apply(
        Tensor fromTokens,
        Tensor? fromFeatures,
        Tensor scale,
        AttentionShape shape,
        RopeTable rope
    )
    {
        var made = apply(fromTokens, scale, fromFeatures!, shape, rope);
        return (made[0], made[1], made[2]);
    }

    /// <summary>The same without a graph.</summary>
    public static (Tensor Queries, Tensor Keys, Tensor Values) Compute(
        Tensor fromTokens,
        Tensor? fromFeatures,
        Tensor scale,
        AttentionShape shape,
        RopeTable rope
    )
    {
        using var noGrad = no_grad();
        var projections = new HeadProjections(fromTokens, fromFeatures, shape);
        var keys = projections.Groups * shape.Length;
        long items = (long)shape.Batch * shape.Heads;
        Tensor q = empty([items, shape.Length, shape.HeadWidth], fromTokens.dtype),
            k = empty([items, keys, shape.HeadWidth], fromTokens.dtype),
            v = empty([items, keys, shape.HeadWidth], fromTokens.dtype);
        nint scales = TensorMemory.Address(scale),
            toQ = TensorMemory.Address(q),
            toK = TensorMemory.Address(k),
            toV = TensorMemory.Address(v);
        var turns = new HeadTurns(shape, rope, (float*)scales);
        if (fromTokens.dtype == ScalarType.BFloat16)
            CpuTeam.For(
                (int)items,
                1,
                new Forward<Bfloat16Lane>(turns, projections, (Bfloat16Lane*)toQ, (Bfloat16Lane*)toK, (Bfloat16Lane*)toV)
            );
        else
            CpuTeam.For(
                (int)items,
                1,
                new Forward<Float32Lane>(turns, projections, (Float32Lane*)toQ, (Float32Lane*)toK, (Float32Lane*)toV)
            );
        return (q, k, v);
    }

    /// <inheritdoc/>
    public override List<Tensor> forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (fromTokens, scale, fromFeatures) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor?)vars[2]);
        ctx.save_for_backward(fromFeatures is null ? [fromTokens, scale] : [fromTokens, scale, fromFeatures]);
        ctx.save_data(ShapeKey, vars[3]);
        ctx.save_data(RopeKey, vars[4]);
        var (q, k, v) = Compute(fromTokens, fromFeatures, scale, (AttentionShape)vars[3], (RopeTable)vars[4]);
        return [q, k, v];
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, List<Tensor> grad_outputs)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var saved = ctx.get_saved_variables();
        var (shape, rope) = ((AttentionShape)ctx.get_data(ShapeKey), (RopeTable)ctx.get_data(RopeKey));
        var (fromTokens, scale, fromFeatures) = (saved[0], saved[1], saved.Count > 2 ? saved[2] : null);
        var projections = new HeadProjections(fromTokens, fromFeatures, shape);
        Tensor toTokens = empty(fromTokens.shape, fromTokens.dtype),
            toScale = zeros([shape.Batch, shape.Heads], ScalarType.Float32);
        var toFeatures = fromFeatures is null ? null : empty(fromFeatures.shape, fromFeatures.dtype);
        var gradients = new HeadProjections(toTokens, toFeatures, shape);
        Tensor q = grad_outputs[0].contiguous(),
            k = grad_outputs[1].contiguous(),
            v = grad_outputs[2].contiguous();
        nint dq = TensorMemory.Address(q),
            dk = TensorMemory.Address(k),
            dv = TensorMemory.Address(v),
            scales = TensorMemory.Address(scale),
            sums = TensorMemory.Address(toScale);
        var turns = new HeadTurns(shape, rope, (float*)scales);
        var items = shape.Batch * shape.Heads;
        if (fromTokens.dtype == ScalarType.BFloat16)
            CpuTeam.For(
                items,
                1,
                new Backward<Bfloat16Lane>(
                    turns,
                    projections,
                    gradients,
                    (Bfloat16Lane*)dq,
                    (Bfloat16Lane*)dk,
                    (Bfloat16Lane*)dv,
                    (float*)sums
                )
            );
        else
            CpuTeam.For(
                items,
                1,
                new Backward<Float32Lane>(turns, projections, gradients, (Float32Lane*)dq, (Float32Lane*)dk, (Float32Lane*)dv, (float*)sums)
            );
        return
        [
            toTokens.MoveToOuterDisposeScope(),
            toScale.sum(0, false, null).MoveToOuterDisposeScope(),
            toFeatures?.MoveToOuterDisposeScope()!,
            null!,
            null!,
        ];
    }

    private readonly struct Forward<T>(HeadTurns turns, HeadProjections from, T* q, T* k, T* v) : IRangeWork
        where T : unmanaged, ILane<T>
    {
        public void Run(int start, int end)
        {
            for (var item = start; item < end; item++)
            {
                var (sample, head, rows) = turns.Of(item);
                var size = (long)turns.Shape.Length * turns.Shape.HeadWidth;
                var keys = item * size * from.Groups;
                rows.Turned(from.Queries, default, sample, head, 0, turns.Shape.Length, q + item * size);
                Group(rows, from.Ordinary, sample, head, keys, size);
                if (from.Groups == 2)
                    Group(rows, from.Extra, sample, head, keys + size, size);
            }
        }

        private void Group(AttentionRows rows, in KeyGroup group, int sample, int head, long at, long size)
        {
            rows.Turned(group.Key, group.KeyRest, sample, head, 0, turns.Shape.Length, k + at);
            if (group.Value.Given)
                rows.Copied(group.Value, sample, head, v + at);
            else
                new Span<T>(v + at, (int)size).Clear();
        }
    }

    private readonly struct Backward<T>(HeadTurns turns, HeadProjections from, HeadProjections to, T* q, T* k, T* v, float* toScale)
        : IRangeWork
        where T : unmanaged, ILane<T>
    {
        public void Run(int start, int end)
        {
            for (var item = start; item < end; item++)
            {
                var (sample, head, rows) = turns.Of(item);
                var size = (long)turns.Shape.Length * turns.Shape.HeadWidth;
                var keys = item * size * from.Groups;
                var width = turns.Shape.HeadWidth;
                var sum = rows.TurnedBack<T, T>(from.Queries, default, sample, head, q + item * size, width, to.Queries, default);
                sum += rows.GroupBack<T, T>(from.Ordinary, to.Ordinary, sample, head, k + keys, v + keys, width);
                if (from.Groups == 2)
                    sum += rows.GroupBack<T, T>(from.Extra, to.Extra, sample, head, k + keys + size, v + keys + size, width);
                toScale[item] = turns.ScaleBack(head, sum);
            }
        }
    }
}
