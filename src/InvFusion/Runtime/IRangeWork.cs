namespace InvFusion.Runtime;

/// <summary>Work on numbered items that do not depend on each other: raw pointers and sizes, no references.</summary>
internal interface IRangeWork
{
    /// <summary>Does the items from <paramref name="start"/> to before <paramref name="end"/>.</summary>
    void Run(int start, int end);
}
