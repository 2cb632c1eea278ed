namespace InvFusion.Imaging;

/// <summary>How an image of any size becomes a square one.</summary>
public enum CropMode
{
    /// <summary>ADM's way, used for ImageNet: halve with the box filter while the short side is at least twice the target, resize with the cubic, crop the centre.</summary>
    Adm,

    /// <summary>Crop the central square, then resize it with the Lanczos filter.</summary>
    Lanczos,

    /// <summary>Crop the central square, then resize it with the box filter.</summary>
    Box,

    /// <summary>Crop the central square, then resize it with the cubic filter, Pillow's default.</summary>
    Bicubic,
}
