using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// Global attention in bfloat16 from projections to the input of the out-projection: both products by <see cref="ProductTile{T}"/>, logits, softmax and sums in float32.
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
    /// <param name="fromTokens">(q | k | v) or (q | k | v | extra k), <c>[B, h, w, 3d or 4d]</c> bfloat16.</param>
    /// <param name="fromFeatures">(rest of extra k | extra v), <c>[B, h, w, 2d]</c>; null where there are none, and extra values are zero.</param>
    /// <param name="scale">s per head, <c>[n]</c> float32.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="rope">Rotations.</param>
    /// <returns><c>[B, h, w, d]</c> bfloat16.</returns>
    public static Tensor Apply(Tensor fromTokens, Tensor? fromFeatures, Tensor scale, AttentionShape shape, RopeTable rope)
    {
        var projections = new HeadProjections(fromTokens, fromFeatures, shape);
        var items = shape.Batch * shape.Heads;
        var size = (long)items * shape.Length * shape.HeadWidth;
        var groups = projections.Groups;
        var valueGroups = groups == 2 && projections.Extra.Value.Given ? 2 : 1;
        using var ordered = empty([(1 + groups + valueGroups) * size], ScalarType.BFloat16);
        var attended = empty([shape.Batch, shape.Height, shape.Width, (long)shape.Heads * shape.HeadWidth], ScalarType.BFloat16);
        var queries = (Bfloat16Lane*)TensorMemory.Address(ordered);
        var heads = new Heads(shape, queries, queries + size, queries + (1 + groups) * size, groups, valueGroups);
        var pieces = items * (shape.Length / Block);
        CpuTeam.For(pieces, 2, new Ordering(new(shape, rope, TensorMemory.Floats(scale)), projections, heads));
        CpuTeam.For(pieces, 1, new Reading(heads, (Bfloat16Lane*)TensorMemory.Address(attended)));
        return attended;
    }

    // Queries [items, L, e]; keys, for each item panels of 32 of them: [keys/32, e/2, 32, 2]; values, panels of 32 channels: [e/32, keys/2, 32, 2].
    private readonly record struct Heads(
        AttentionShape Shape,
        nint QueryAddress,
        nint KeyAddress,
        nint ValueAddress,
        int Groups,
        int ValueGroups
    )
    {
        public Heads(AttentionShape shape, Bfloat16Lane* queries, Bfloat16Lane* keys, Bfloat16Lane* values, int groups, int valueGroups)
            : this(shape, (nint)queries, (nint)keys, (nint)values, groups, valueGroups) { }

        public int Blocks => Shape.Length / Block;
        public int Keys => Groups * Shape.Length;
        public int Values => ValueGroups * Shape.Length;

        public Bfloat16Lane* Query(int item, int token) =>
            (Bfloat16Lane*)QueryAddress + ((long)item * Shape.Length + token) * Shape.HeadWidth;

        public Bfloat16Lane* KeyPanel(int item, int panel) =>
            (Bfloat16Lane*)KeyAddress + ((long)item * (Groups * Blocks) + panel) * Block * Shape.HeadWidth;

        public Bfloat16Lane* ValuePanel(int item, int panel) =>
            (Bfloat16Lane*)ValueAddress + ((long)item * (Shape.HeadWidth / Block) + panel) * Block * Values;
    }

    // Thirty-two tokens of a head at a time.
    private readonly struct Ordering(HeadTurns turns, HeadProjections from, Heads to) : IRangeWork
    {
        private const int Side = 8;

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
                    Keys(rows, group, sample, head, block * Block, (float*)to.KeyPanel(item, g * to.Blocks + block));
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

        // A pair of bfloat16 moves as the float that its bits would be.
        [SkipLocalsInit]
        private void Keys(AttentionRows rows, in KeyGroup group, int sample, int head, int first, float* panel)
        {
            var pairs = stackalloc float[Block * AttentionRows.MostChannels / 2];
            var length = to.Shape.HeadWidth / 2;
            rows.Turned(group.Key, group.KeyRest, sample, head, first, Block, (Bfloat16Lane*)pairs);
            for (var key = 0; key < Block; key += Side)
            for (var pair = 0; pair < length; pair += Side)
                AvxTranspose.EightByEight(pairs + key * length + pair, length, panel + pair * Block + key, Block);
        }

        private void Values(ProjectedTokens values, int sample, int head, int block, int panel, Bfloat16Lane* to)
        {
            for (var i = 0; i < Block; i += 2)
            {
                var token = (long)sample * turns.Shape.Length + block * Block + i;
                Bfloat16Lane* even = values.At<Bfloat16Lane>(token, head, turns.Shape.HeadWidth) + panel * Block,
                    odd = even + values.Stride;
                for (var channel = 0; channel < Block; channel += Lanes.Width)
                {
                    var pair = (Bfloat16Lane.Load(even + channel).AsUInt32() >> 16) | Bfloat16Lane.Load(odd + channel).AsUInt32();
                    pair.Store((uint*)(to + i * Block + 2 * channel));
                }
            }
        }
    }

    // Thirty-two queries of a head at a time.
    private readonly struct Reading(Heads heads, Bfloat16Lane* attended) : IRangeWork
    {
        public void Run(int start, int end)
        {
            const int tile = ProductTile.MostRows;
            var (keys, width) = (heads.Keys, heads.Shape.HeadWidth);
            var sums = Scratch.Floats(ref _scratch, PackedProduct.TileSums + tile * (long)keys * 3 / 2);
            float* scores = sums + PackedProduct.TileSums;
            var weights = (Bfloat16Lane*)(scores + tile * keys);
            var inverse = stackalloc float[tile];
            for (var piece = start; piece < end; piece++)
            {
                var (item, block) = (piece / heads.Blocks, piece % heads.Blocks);
                for (var token = block * Block; token < (block + 1) * Block; token += tile)
                {
                    for (var panel = 0; panel < keys / Block; panel++)
                        ProductTile<Bfloat16Lane>.Run(
                            tile,
                            heads.Query(item, token),
                            width,
                            heads.KeyPanel(item, panel),
                            width / 2,
                            scores + panel * Block,
                            keys
                        );
                    for (var q = 0; q < tile; q++)
                        inverse[q] = 1 / Weigh(scores + q * keys, keys, weights + q * keys);
                    for (var panel = 0; panel < width / Block; panel++)
                    {
                        ProductTile<Bfloat16Lane>.Run(tile, weights, keys, heads.ValuePanel(item, panel), heads.Values / 2, sums);
                        for (var q = 0; q < tile; q++)
                            Store(item, token + q, panel, sums + q * Block, Vector512.Create(inverse[q]));
                    }
                }
            }
        }

        private static float Weigh(float* scores, int keys, Bfloat16Lane* weights)
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
            Bfloat16Lane.Store(to, Vector512.Load(sums) * by);
            Bfloat16Lane.Store(to + Lanes.Width, Vector512.Load(sums + Lanes.Width) * by);
        }
    }
}
