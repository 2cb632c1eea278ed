namespace InvFusion.Imaging.Jpeg;

/// <summary>One of the planes of a JPEG: luma, or a colour difference.</summary>
internal sealed class JpegComponent
{
    /// <summary>Its number in the file.</summary>
    public required int Id { get; init; }

    /// <summary>Blocks side by side in a unit of the scan, 1 or 2.</summary>
    public required int Horizontal { get; init; }

    /// <summary>Blocks above each other in a unit of the scan, 1 or 2.</summary>
    public required int Vertical { get; init; }

    /// <summary>The steps of its coefficients, in zigzag order.</summary>
    public required ushort[] Steps { get; init; }

    /// <summary>Codes of the first coefficient.</summary>
    public JpegHuffmanTable First { get; set; } = null!;

    /// <summary>Codes of the others.</summary>
    public JpegHuffmanTable Others { get; set; } = null!;

    /// <summary>The first coefficient of the block before.</summary>
    public int Prediction { get; set; }

    /// <summary>Samples as decoded, whole blocks, rows of <see cref="Stride"/>.</summary>
    public byte[] Samples { get; set; } = [];

    /// <summary>Bytes of a row of <see cref="Samples"/>.</summary>
    public int Stride { get; set; }
}
