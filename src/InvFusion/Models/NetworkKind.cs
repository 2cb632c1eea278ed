namespace InvFusion.Models;

/// <summary>What a network is told about the measurement.</summary>
public enum NetworkKind
{
    /// <summary>H⁺y beside the noisy image, and H inside the joint levels.</summary>
    InvFusion,

    /// <summary>H⁺y beside the noisy image; H itself is not given to the blocks.</summary>
    Blind,

    /// <summary>Nothing: a prior over images.</summary>
    Unconditional,
}
