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
    private static NativeBuffer? _scratch;

    /// <summary>As <see cref="AttentionKernel.Run"/>, in bfloat16.</summary>
    /// <returns><c>[B, L, n·e]</c>.</returns>
    public static Tensor Apply(
        AttentionShape shape,
        ProjectedTokens queries,
        KeyGroup ordinary,
        KeyGroup extra,
        RopeTable rope,
        float* scale
    )
    {
        using var scope = NewDisposeScope();
        var groups = extra.Key.Given ? 2 : 1;
        long items = (long)shape.Batch * shape.Heads,
            keys = groups * shape.Length;
        var q = empty([items, shape.Length, shape.HeadWidth], ScalarType.BFloat16);
        var k = empty([items, keys, shape.HeadWidth], ScalarType.BFloat16);
        var v = empty([items, keys, shape.HeadWidth], ScalarType.BFloat16);
        var prepare = new Prepare(
            shape,
            queries,
            ordinary,
            extra,
            rope.Cos(0, 0),
            rope.SinOffset,
            rope.Stride,
            scale,
            Data(q),
            Data(k),
            Data(v)
        );
        CpuTeam.For((int)items, 1, prepare);
        var logits = q.bmm(k.transpose(1, 2));
        CpuTeam.For((int)(items * shape.Length), 16, new Softmax(Data(logits), (int)keys));
        var heads = logits.bmm(v).view(shape.Batch, shape.Heads, shape.Length, shape.HeadWidth);
        return heads.transpose(1, 2).reshape(shape.Batch, shape.Length, shape.Heads * shape.HeadWidth).MoveToOuterDisposeScope();
    }

    private static Bfloat16Lane* Data(Tensor tensor) => (Bfloat16Lane*)TensorMemory.Address(tensor);

    private readonly struct Prepare(
        AttentionShape shape,
        ProjectedTokens queries,
        KeyGroup ordinary,
        KeyGroup extra,
        float* cos,
        long sinOffset,
        int ropeStride,
        float* scale,
        Bfloat16Lane* q,
        Bfloat16Lane* k,
        Bfloat16Lane* v
    ) : IRangeWork
    {
        public void Run(int start, int end)
        {
            for (var item = start; item < end; item++)
            {
                var (sample, head) = (item / shape.Heads, item % shape.Heads);
                var root = MathF.Sqrt(MathF.Max(scale[head], (float)CosineSimilarity.SmallestScale));
                var rows = new AttentionRows(shape, cos + (long)head * shape.Length * ropeStride, sinOffset, ropeStride, root);
                long size = (long)shape.Length * shape.HeadWidth,
                    keys = item * size * (extra.Key.Given ? 2 : 1);
                rows.Turned<Bfloat16Lane>(queries, default, sample, head, q + item * size);
                Group(rows, ordinary, sample, head, keys);
                if (extra.Key.Given)
                    Group(rows, extra, sample, head, keys + size);
            }
        }

        private void Group(AttentionRows rows, in KeyGroup group, int sample, int head, long at)
        {
            rows.Turned<Bfloat16Lane>(group.Key, group.KeyRest, sample, head, k + at);
            if (group.Value.Given)
                rows.Copied<Bfloat16Lane>(group.Value, sample, head, v + at);
            else
                new Span<Bfloat16Lane>(v + at, shape.Length * shape.HeadWidth).Clear();
        }
    }

    private readonly struct Softmax(Bfloat16Lane* rows, int length) : IRangeWork
    {
        public void Run(int start, int end)
        {
            var padded = Lanes.Padded(length);
            var row = (_scratch ??= new()).Floats(padded);
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
                var by = Vector512.Create(1 / AttentionTile.Exponentials(row, padded).Sum);
                for (i = 0; i + Lanes.Width <= length; i += Lanes.Width)
                    Bfloat16Lane.Store(at + i, Vector512.Load(row + i) * by);
                if (i < length)
                    Lanes.StoreFew(at + i, length - i, Vector512.Load(row + i) * by);
            }
        }
    }
}
