namespace InvFusion.Ops.Kernels;

/// <summary>Projections as they come out of a matrix product: the numbers of one token in a row, heads side by side.</summary>
/// <param name="Data">The first number of the first token, or 0 where there is none.</param>
/// <param name="Stride">From a token to the next, in numbers.</param>
internal readonly unsafe record struct ProjectedTokens(nint Data, int Stride)
{
    /// <summary>Whether there are any.</summary>
    public bool Given => Data != 0;

    /// <summary>The numbers of one head of one token.</summary>
    public T* At<T>(long token, int head, int headWidth)
        where T : unmanaged => (T*)Data + token * Stride + (long)head * headWidth;
}

/// <summary>One group of keys with its values.</summary>
/// <param name="Key">Keys before normalisation and rotation.</param>
/// <param name="KeyRest">Added to them first; it may be missing.</param>
/// <param name="Value">Values; missing ones are zero.</param>
internal readonly record struct KeyGroup(ProjectedTokens Key, ProjectedTokens KeyRest, ProjectedTokens Value);

/// <summary>Sizes of an attention over an h×w grid of tokens.</summary>
/// <param name="Batch">B.</param>
/// <param name="Heads">n.</param>
/// <param name="HeadWidth">e.</param>
/// <param name="Height">h.</param>
/// <param name="Width">w.</param>
/// <param name="Kernel">Side of the windows of neighborhood attention; 0 is global attention.</param>
internal readonly record struct AttentionShape(int Batch, int Heads, int HeadWidth, int Height, int Width, int Kernel)
{
    /// <summary>Tokens of a sample.</summary>
    public int Length => Height * Width;

    /// <summary>e rounded up to whole vectors.</summary>
    public int Padded => Lanes.Padded(HeadWidth);

    /// <summary>e/4, the channels that turn with one of the two members of a pair.</summary>
    public int Quarter => HeadWidth / 4;

    /// <summary>Keys that lie together channel by channel: a row of the grid, or in global attention two vectors.</summary>
    public int LineLength => Kernel == 0 ? 2 * Lanes.Width : Width;

    /// <summary>Lines of a sample; the last may be short.</summary>
    public int Lines => (Length + LineLength - 1) / LineLength;

    /// <summary>From a channel of a line to the next. In windows a vector may begin at any key of the line, and ends behind it.</summary>
    public int LineStride => Kernel == 0 ? LineLength : Lanes.Padded(Width) + Lanes.Width;

    /// <summary>Numbers of all lines.</summary>
    public int KeyCount => Lines * Padded * LineStride;
}
