namespace InvFusion.Distributed;

/// <summary>How the numbers of all ranks become one.</summary>
public enum Reduction
{
    /// <summary>Their sum.</summary>
    Sum,

    /// <summary>The largest.</summary>
    Max,
}
