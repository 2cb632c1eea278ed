namespace InvFusion.Degradations;

/// <summary>What a blur takes for the pixels beyond the frame of an image.</summary>
public enum BlurBorder
{
    /// <summary>The image mirrored about its outermost pixels, which are not repeated (scipy's <c>mirror</c>, numpy's <c>reflect</c>).</summary>
    Reflect,

    /// <summary>Zeros, the mid-grey of images in [-1, 1] (scipy's <c>constant</c>).</summary>
    Zero,

    /// <summary>The image from its other side (scipy's <c>wrap</c>).</summary>
    Periodic,

    /// <summary>Nothing is known: blurred pixels that see anything beyond the frame do not count as measured.</summary>
    Valid,
}
