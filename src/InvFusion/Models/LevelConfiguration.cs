namespace InvFusion.Models;

/// <summary>One level of the hourglass.</summary>
public sealed record LevelConfiguration
{
    /// <summary>d, channels of a token.</summary>
    public required int Width { get; init; }

    /// <summary>Layers going down, and again going up (the last level: layers in all).</summary>
    public required int Depth { get; init; }

    /// <summary>Window side of neighborhood attention, odd; 0 is global attention.</summary>
    public int Kernel { get; init; }

    /// <summary>e, channels of a head: a multiple of 8 that divides the width.</summary>
    public int HeadWidth { get; init; } = 64;

    /// <summary>Hidden width of the feed-forward blocks; 0 is three times the width.</summary>
    public int HiddenWidth { get; init; }

    /// <summary>The hidden width that <see cref="HiddenWidth"/> means.</summary>
    internal int FeedForwardWidth => HiddenWidth > 0 ? HiddenWidth : 3 * Width;

    /// <summary>Whether the degradation is fed into the level's layers (used by the invfusion kind alone).</summary>
    public bool Joint { get; init; } = true;
}
