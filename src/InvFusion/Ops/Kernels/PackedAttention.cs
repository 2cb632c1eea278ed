using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// Global attention from projections to the input of the out-projection: both products by <see cref="ProductTile{T}"/>, logits, softmax and sums in float32.
/// The plain form is that of <see cref="AttentionKernel"/>.
/// </summary>
internal static unsafe class PackedAttention
{
    private const int Block = ProductTile.Columns;

    [ThreadStatic]
    private static Scratch? _scratch;

    /// <summary>Whether there is a way for a shape: whole panels of keys and of channels.</summary>
    public static bool Takes(AttentionShape shape) => shape.Kernel == 0 && shape.Length % Block == 0 && shape.HeadWidth % Block == 0;

    /// <summary>Attends.</summary>
    /// <param name="fromTokens">(q | k | v) or (q | k | v | extra k), <c>[B, h, w, 3d or 4d]</c> of a type that has tiles.</param>
    /// <param name="fromFeatures">(rest of extra k | extra v), <c>[B, h, w, 2d]</c>; null where there are none, and extra values are zero.</param>
    /// <param name="scale">s per head, <c>[n]</c> float32.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="rope">Rotations.</param>
    /// <returns><c>[B, h, w, d]</c> of the same type.</returns>
    public static Tensor Apply(Tensor fromTokens, Tensor? fromFeatures, Tensor scale, AttentionShape shape, RopeTable rope) =>
        fromTokens.dtype == ScalarType.Float32
            ? Apply<Float32Lane>(fromTokens, fromFeatures, scale, shape, rope)
            : Apply<Bfloat16Lane>(fromTokens, fromFeatures, scale, shape, rope);

    private static Tensor Apply<T>(Tensor fromTokens, Tensor? fromFeatures, Tensor scale, AttentionShape shape, RopeTable rope)
        where T : unmanaged, ILane<T>
    {
        var projections = new HeadProjections(fromTokens, fromFeatures, shape);
        var items = shape.Batch * shape.Heads;
        var size = (long)items * shape.Length * shape.HeadWidth;
        var groups = projections.Groups;
        var valueGroups = groups == 2 && projections.Extra.Value.Given ? 2 : 1;
        using var ordered = empty([(1 + groups + valueGroups) * size], fromTokens.dtype);
        var attended = empty([shape.Batch, shape.Height, shape.Width, (long)shape.Heads * shape.HeadWidth], fromTokens.dtype);
        var queries = (T*)TensorMemory.Address(ordered);
        var heads = new Heads<T>(shape, queries, queries + size, queries + (1 + groups) * size, groups, valueGroups);
        var pieces = items * (shape.Length / Block);
        CpuTeam.For(pieces, 2, new Ordering<T>(new(shape, rope, TensorMemory.Floats(scale)), projections, heads));
        CpuTeam.For(pieces, 1, new Reading<T>(heads, (T*)TensorMemory.Address(attended)));
        return attended;
    }

    // Queries [items, L, e]; keys, for each item panels of 32 of them: [keys/32, e/depth, 32, depth]; values, panels of 32 channels: [e/32, keys/depth, 32, depth].
    private readonly record struct Heads<T>(
        AttentionShape Shape,
        nint QueryAddress,
        nint KeyAddress,
        nint ValueAddress,
        int Groups,
        int ValueGroups
    )
        where T : unmanaged, ILane<T>
    {
        public Heads(AttentionShape shape, T* queries, T* keys, T* values, int groups, int valueGroups)
            : this(shape, (nint)queries, (nint)keys, (nint)values, groups, valueGroups) { }

        public int Blocks => Shape.Length / Block;
        public int Keys => Groups * Shape.Length;
        public int Values => ValueGroups * Shape.Length;

        public T* Query(int item, int token) => (T*)QueryAddress + ((long)item * Shape.Length + token) * Shape.HeadWidth;

        public T* KeyPanel(int item, int panel) => (T*)KeyAddress + ((long)item * (Groups * Blocks) + panel) * Block * Shape.HeadWidth;

        public T* ValuePanel(int item, int panel) => (T*)ValueAddress + ((long)item * (Shape.HeadWidth / Block) + panel) * Block * Values;
    }

    // Thirty-two tokens of a head at a time.
    private readonly struct Ordering<T>(HeadTurns turns, HeadProjections from, Heads<T> to) : IRangeWork
        where T : unmanaged, ILane<T>
    {
        public void Run(int start, int end)
        {
            for (var piece = start; piece < end; piece++)
            {
                var (item, block) = (piece / to.Blocks, piece % to.Blocks);
                var (sample, head, rows) = turns.Of(item);
                rows.Turned(from.Queries, default, sample, head, block * Block, Block, to.Query(item, block * Block));
                for (var g = 0; g < to.Groups; g++)
                {
                    var group = from.Group(g);
                    Keys(rows, group, sample, head, block * Block, to.KeyPanel(item, g * to.Blocks + block));
                    if (g < to.ValueGroups)
                        for (var panel = 0; panel < to.Shape.HeadWidth / Block; panel++)
                            Values(
                                group.Value,
                                sample,
                                head,
                                block,
                                panel,
                                to.ValuePanel(item, panel) + (long)(g * to.Blocks + block) * Block * Block
                            );
                }
            }
        }

        // What a step takes of a row moves as the float that its bits would be.
        [SkipLocalsInit]
        private void Keys(AttentionRows rows, in KeyGroup group, int sample, int head, int first, T* panel)
        {
            var turned = stackalloc T[Block * AttentionRows.MostChannels];
            var steps = to.Shape.HeadWidth / ProductTile<T>.Depth;
            rows.Turned(group.Key, group.KeyRest, sample, head, first, Block, turned);
            for (var key = 0; key < Block; key += AvxTranspose.Side)
            for (var step = 0; step < steps; step += AvxTranspose.Side)
                AvxTranspose.EightByEight((float*)turned + key * steps + step, steps, (float*)panel + step * Block + key, Block);
        }

        private void Values(ProjectedTokens values, int sample, int head, int block, int panel, T* to)
        {
            for (var i = 0; i < Block; i += ProductTile<T>.Depth)
            {
                var token = (long)sample * turns.Shape.Length + block * Block + i;
                var from = values.At<T>(token, head, turns.Shape.HeadWidth) + panel * Block;
                PanelPacking<T>.Together(from, values.Stride, to + i * Block);
            }
        }
    }

    // Thirty-two queries of a head at a time.
    private readonly struct Reading<T>(Heads<T> heads, T* attended) : IRangeWork
        where T : unmanaged, ILane<T>
    {
        public void Run(int start, int end)
        {
            const int tile = ProductTile.MostRows;
            var (keys, width) = (heads.Keys, heads.Shape.HeadWidth);
            var sums = Scratch.Floats(ref _scratch, PackedProduct.TileSums + tile * 2L * keys);
            float* scores = sums + PackedProduct.TileSums;
            var weights = (T*)(scores + tile * keys);
            var inverse = stackalloc float[tile];
            for (var piece = start; piece < end; piece++)
            {
                var (item, block) = (piece / heads.Blocks, piece % heads.Blocks);
                for (var token = block * Block; token < (block + 1) * Block; token += tile)
                {
                    for (var panel = 0; panel < keys / Block; panel++)
                        ProductTile<T>.Run(
                            tile,
                            heads.Query(item, token),
                            width,
                            heads.KeyPanel(item, panel),
                            width / ProductTile<T>.Depth,
                            scores + panel * Block,
                            keys
                        );
                    for (var q = 0; q < tile; q++)
                        inverse[q] = 1 / Weigh(scores + q * keys, keys, weights + q * keys);
                    for (var panel = 0; panel < width / Block; panel++)
                    {
                        ProductTile<T>.Run(tile, weights, keys, heads.ValuePanel(item, panel), heads.Values / ProductTile<T>.Depth, sums);
                        for (var q = 0; q < tile; q++)
                            Store(item, token + q, panel, sums + q * Block, Vector512.Create(inverse[q]));
                    }
                }
            }
        }

        private static float Weigh(float* scores, int keys, T* weights)
        {
            var sum = AttentionTile.Exponentials(scores, keys);
            Lanes.Narrow(scores, weights, keys);
            return sum;
        }

        private void Store(int item, int token, int panel, float* sums, Vector512<float> by)
        {
            var shape = heads.Shape;
            var to =
                attended
                + (((long)(item / shape.Heads) * shape.Length + token) * shape.Heads + item % shape.Heads) * shape.HeadWidth
                + panel * Block;
            T.Store(to, Vector512.Load(sums) * by);
            T.Store(to + Lanes.Width, Vector512.Load(sums + Lanes.Width) * by);
        }
    }
}
