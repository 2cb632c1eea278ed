using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>A network whose features of images a Fréchet or kernel distance compares.</summary>
public interface IFeatureExtractor : IDisposable
{
    /// <summary>The name that metrics and reference statistics call it by.</summary>
    string Name { get; }

    /// <summary>Number of features of an image.</summary>
    int Width { get; }

    /// <summary>The features of images.</summary>
    /// <param name="images"><c>[B, 3, H, W]</c> uint8.</param>
    /// <returns><c>[B, Width]</c> float32.</returns>
    Tensor Extract(Tensor images);
}
