using System.Runtime.Intrinsics;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// Global attention whose two products are libtorch's: in bfloat16 those use instructions that .NET does not offer, and are twice as fast as ours in float32. Logits
/// and weights are bfloat16, as in the plain form; the softmax between is float32.
/// </summary>
internal static unsafe class ProductAttention
{
    [ThreadStatic]
    private static Scratch? _scratch;

    /// <summary>softmax(q kᵀ) v of <see cref="AttentionHeads"/> in bfloat16, without a graph: <c>[B, L, n·e]</c>.</summary>
    public static Tensor Apply(Tensor q, Tensor k, Tensor v, AttentionShape shape)
    {
        using var scope = NewDisposeScope();
        var logits = q.bmm(k.transpose(1, 2));
        var keys = (int)k.shape[1];
        CpuTeam.For(shape.Batch * shape.Heads * shape.Length, 16, new Softmax((Bfloat16Lane*)TensorMemory.Address(logits), keys));
        return Join(logits.bmm(v), shape).MoveToOuterDisposeScope();
    }

    /// <summary>Heads side by side again: <c>[B·n, L, e]</c> → <c>[B, h, w, n·e]</c>.</summary>
    public static Tensor Join(Tensor heads, AttentionShape shape) =>
        heads
            .view(shape.Batch, shape.Heads, shape.Length, shape.HeadWidth)
            .transpose(1, 2)
            .reshape(shape.Batch, shape.Height, shape.Width, shape.Heads * shape.HeadWidth);

    private readonly struct Softmax(Bfloat16Lane* rows, int length) : IRangeWork
    {
        public void Run(int start, int end)
        {
            var padded = Lanes.Padded(length);
            var row = Scratch.Floats(ref _scratch, padded);
            for (var r = start; r < end; r++)
            {
                var at = rows + (long)r * length;
                var i = 0;
                for (; i + Lanes.Width <= length; i += Lanes.Width)
                    Bfloat16Lane.Load(at + i).Store(row + i);
                if (i < length)
                {
                    Lanes.LoadFew(at + i, length - i).Store(row + i);
                    new Span<float>(row + length, padded - length).Fill(float.NegativeInfinity);
                }
                var by = Vector512.Create(1 / AttentionTile.Exponentials(row, padded));
                for (i = 0; i + Lanes.Width <= length; i += Lanes.Width)
                    Bfloat16Lane.Store(at + i, Vector512.Load(row + i) * by);
                if (i < length)
                    Lanes.StoreFew(at + i, length - i, Vector512.Load(row + i) * by);
            }
        }
    }
}
