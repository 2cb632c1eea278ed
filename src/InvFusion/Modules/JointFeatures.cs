using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>What the joint attention of a block reads beside its own tokens.</summary>
/// <param name="Kind">Whether there are extra keys, and whether their features are zero.</param>
/// <param name="Tokens">The degraded features g, <c>[B, h, w, d]</c>; given exactly where <paramref name="Kind"/> says so.</param>
public readonly record struct JointFeatures(JointKind Kind, Tensor? Tokens = null)
{
    /// <summary>No extra keys: plain attention.</summary>
    public static JointFeatures None { get; } = new(JointKind.None);

    /// <summary>g = 0: the extra keys take part, their values are zero.</summary>
    public static JointFeatures Zero { get; } = new(JointKind.Zero);
}

/// <summary>The forms of <see cref="JointFeatures"/>.</summary>
public enum JointKind
{
    /// <summary>No extra keys: plain attention.</summary>
    None,

    /// <summary>Extra keys of zero features (H or y is missing).</summary>
    Zero,

    /// <summary>Extra keys of given features.</summary>
    Given,
}
