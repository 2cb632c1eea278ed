using TorchSharp;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>The features of <c>fd_small</c>, which work without any download.</summary>
/// <param name="network">The network; disposed with the extractor.</param>
public sealed class SmallFeatureExtractor(SmallFeatureNetwork network) : IFeatureExtractor
{
    /// <summary>What results and files of statistics call it.</summary>
    public const string ExtractorName = "small";

    private const string ShippedFile = "fd-small.safetensors";

    private readonly Device _device = network.parameters().First().device;

    /// <inheritdoc/>
    public string Name => ExtractorName;

    /// <inheritdoc/>
    public int Width => SmallFeatureNetwork.Width;

    /// <summary>Loads the network of a file.</summary>
    /// <param name="path">As <see cref="SmallFeatureFile.Save"/> writes it.</param>
    /// <param name="device">Where it works; the CPU when null.</param>
    /// <exception cref="DataFormatException">It is no such file; the message names it.</exception>
    public static SmallFeatureExtractor Load(string path, Device? device = null)
    {
        var network = SmallFeatureFile.Load(path);
        if (device is not null)
            network.to(device);
        return new SmallFeatureExtractor(network);
    }

    /// <summary>The file of the network that is shipped beside the program.</summary>
    /// <exception cref="DataFormatException">It is not there.</exception>
    public static string ShippedPath()
    {
        var path = Path.Combine(AppContext.BaseDirectory, "models", ShippedFile);
        return File.Exists(path)
            ? path
            : throw new DataFormatException(
                $"{path}: is shipped with the program and not here; copy it back from the repository's models/"
            );
    }

    /// <inheritdoc/>
    public Tensor Extract(Tensor images)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (images.dtype != ScalarType.Byte || images.dim() != 4 || images.shape[1] != 3)
            throw new ArgumentException(
                $"images are [B, 3, H, W] bytes, not [{string.Join(", ", images.shape)}] {images.dtype}",
                nameof(images)
            );
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        return network.call(SmallFeatureNetwork.Prepare(images.to(_device))).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => network.Dispose();
}
