namespace InvFusion.Imaging;

/// <summary>A resampling kernel, as Pillow names and defines it.</summary>
public enum ResampleFilter
{
    /// <summary>The mean of the source pixels under the target pixel.</summary>
    Box,

    /// <summary>A triangle of half width 1.</summary>
    Bilinear,

    /// <summary>Keys' cubic with a = -1/2, half width 2; Pillow's default.</summary>
    Bicubic,

    /// <summary>A windowed sinc of half width 3.</summary>
    Lanczos,
}
