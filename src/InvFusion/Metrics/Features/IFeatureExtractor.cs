using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>A network that turns images into vectors, whose distribution a metric compares.</summary>
public interface IFeatureExtractor : IDisposable
{
    /// <summary>What results and files of statistics call it; vectors of extractors with different names cannot be compared.</summary>
    string Name { get; }

    /// <summary>D, the length of a vector.</summary>
    int Width { get; }

    /// <summary>The vectors of images.</summary>
    /// <param name="images"><c>[B, 3, H, W]</c> uint8, of any size; each image's vector does not depend on the others.</param>
    /// <returns><c>[B, D]</c> float32, where the images are; the caller owns it.</returns>
    Tensor Extract(Tensor images);
}
