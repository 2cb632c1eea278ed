using InvFusion.Imaging;

namespace InvFusion.Data;

/// <summary>How <see cref="DatasetPreparer"/> makes a cached set.</summary>
public sealed record PrepareOptions
{
    /// <summary>Side of the pictures in pixels.</summary>
    public required int Size { get; init; }

    /// <summary>How an image becomes a square.</summary>
    public CropMode Crop { get; init; } = CropMode.Adm;

    /// <summary>3 (RGB) or 1 (grey).</summary>
    public int Channels { get; init; } = 3;

    /// <summary>Stores the latents of the pictures instead of their pixels; null for pixels.</summary>
    public LatentOptions? Latents { get; init; }

    /// <summary>Leave broken images out and list them in the header, instead of ending with an error that names them.</summary>
    public bool LeaveOutBroken { get; init; }
}
