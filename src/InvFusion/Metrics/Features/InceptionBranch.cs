namespace InvFusion.Metrics.Features;

/// <summary>One branch of a block.</summary>
/// <param name="Pool">What it begins with.</param>
/// <param name="Chain">Convolutions, one behind the other.</param>
/// <param name="Ends">Convolutions that all see what the chain gives, their results side by side; empty for the chain alone.</param>
internal sealed record InceptionBranch(InceptionPool Pool, InceptionLayer[] Chain, params InceptionLayer[] Ends)
{
    /// <summary>Convolutions alone.</summary>
    public static InceptionBranch Of(params InceptionLayer[] chain) => new(InceptionPool.None, chain);
}
