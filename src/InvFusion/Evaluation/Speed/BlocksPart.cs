using InvFusion.Models;
using InvFusion.Modules;
using InvFusion.Ops;
using static TorchSharp.torch;

namespace InvFusion.Evaluation.Speed;

/// <summary>
/// The blocks of a layer at the sizes of each level: attention of every kind, whichever of them the level has, feed-forward, and both as the level has them.
/// </summary>
internal static class BlocksPart
{
    private const int Window = 7; // of a level that has none itself
    private const int LargestGlobal = 1024; // tokens: beyond that the logits of all pairs fill gigabytes

    public static IEnumerable<SpeedCase> Cases(SpeedRequest request) =>
        from network in request.Networks
        from precision in request.Precisions
        from batch in request.Batches(4)
        from level in Enumerable.Range(0, network.Configuration.Levels.Count)
        from found in OfLevel(network, level, batch, precision)
        select found;

    private static IEnumerable<SpeedCase> OfLevel(SpeedNetwork network, int index, int batch, (string Name, ScalarType Type) precision)
    {
        var (c, level) = (network.Configuration, network.Configuration.Levels[index]);
        var side = c.Resolution / c.PatchAt(index);
        var place = $"{network.Name} level {index} ({side}×{side}×{level.Width}), batch {batch}";
        using var tokens = SpeedRequest.Normals(ScalarType.Float32, batch, side, side, level.Width);
        using var features = SpeedRequest.Normals(precision.Type, batch, side, side, level.Width);
        using var condition = SpeedRequest.Normals(ScalarType.Float32, batch, c.MappingWidth);
        using var positions = AxialRope.Positions(side, side);
        foreach (var kernel in Kernels(level, side))
        foreach (var joint in new[] { false, true })
        {
            using var attention = Ready(() => new SelfAttentionBlock(level.Width, level.HeadWidth, kernel, c.MappingWidth, joint, 0));
            var extra = joint ? new JointFeatures(JointKind.Given, features) : JointFeatures.None;
            var kind = $"{(kernel == 0 ? "global" : $"neighborhood {kernel}")} attention{(joint ? " with joint keys" : "")}";
            yield return new($"{place}: {kind}", () => Attend(attention, tokens, positions, condition, extra, precision.Type))
            {
                Precision = precision.Name,
                MultiplyAdds = batch * NetworkCost.OfAttention(level with { Kernel = kernel }, side, joint),
            };
        }
        using var feedForward = Ready(() => new FeedForwardBlock(level.Width, level.FeedForwardWidth, c.MappingWidth, 0));
        yield return new($"{place}: feed-forward", () => Feed(feedForward, tokens, features, condition, precision.Type))
        {
            Precision = precision.Name,
            MultiplyAdds = batch * NetworkCost.OfFeedForward(level, side),
        };
        var isJoint = c.Kind == NetworkKind.InvFusion && level.Joint;
        using var blocks = Ready(() => new TransformerBlocks(Shape(c, index, isJoint)));
        var given = isJoint ? new JointFeatures(JointKind.Given, features) : JointFeatures.None;
        var context = new LayerContext(condition, null, null, precision.Type);
        yield return new($"{place}: the level's own blocks together", () => blocks.Forward(tokens, positions, given, context))
        {
            Precision = precision.Name,
            MultiplyAdds = batch * (NetworkCost.OfAttention(level, side, isJoint) + NetworkCost.OfFeedForward(level, side)),
        };
    }

    private static LayerShape Shape(NetworkConfiguration c, int index, bool joint)
    {
        var level = c.Levels[index];
        return new(
            level.Width,
            level.HeadWidth,
            level.Kernel,
            level.FeedForwardWidth,
            joint,
            c.PatchAt(index),
            c.Channels,
            c.MappingWidth,
            0
        );
    }

    private static Tensor Attend(
        SelfAttentionBlock block,
        Tensor tokens,
        Tensor positions,
        Tensor condition,
        JointFeatures joint,
        ScalarType type
    ) =>
        TransformerBlocks.Fuses(tokens, condition, type) && block.CanFuse(tokens)
            ? block.Fused(tokens, positions, condition, joint, type)
            : block.Forward(tokens, positions, condition, joint, type);

    private static Tensor Feed(FeedForwardBlock block, Tensor tokens, Tensor delta, Tensor condition, ScalarType type) =>
        TransformerBlocks.Fuses(tokens, condition, type)
            ? block.FusedAfter(tokens, delta, condition, type)
            : block.call(tokens, condition, type);

    private static IEnumerable<int> Kernels(LevelConfiguration level, int side)
    {
        if (level.Kernel == 0 || side * side <= LargestGlobal)
            yield return 0;
        if (level.Kernel > 0 || side >= Window)
            yield return level.Kernel > 0 ? level.Kernel : Window;
    }

    /// <summary>A module with random weights, ready to evaluate.</summary>
    public static T Ready<T>(Func<T> build)
        where T : nn.Module
    {
        manual_seed(SpeedRequest.Seed);
        var block = build();
        return Parameters.Loaded(() => block, SpeedNetwork.FillZeros);
    }
}
