using TorchSharp;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>LPIPS between images, with AlexNet or VGG.</summary>
public sealed class LpipsDistance : IDisposable
{
    private readonly LpipsNetwork _network;
    private readonly Device _device;

    private LpipsDistance(LpipsLayout layout, IReadOnlyList<string> weights, Device? device)
    {
        _network = NetworkWeights.Load(() => new LpipsNetwork(layout), _ => LpipsNames.Layout(layout), [.. weights]);
        _device = device ?? CPU;
        _network.to(_device);
        Name = layout.Name;
    }

    /// <summary>What results call it.</summary>
    public string Name { get; }

    /// <summary>With AlexNet.</summary>
    /// <param name="weights">
    /// Torchvision's file of the trunk and the authors' file of the five weightings, or one file with both under the names of the authors' module.
    /// </param>
    /// <param name="device">Where it is put; the CPU when null.</param>
    /// <exception cref="DataFormatException">A file is not that of this network; the message names the tensor.</exception>
    public static LpipsDistance Alex(IReadOnlyList<string> weights, Device? device = null) => new(LpipsLayout.Alex, weights, device);

    /// <summary>With VGG-16; see <see cref="Alex"/>.</summary>
    public static LpipsDistance Vgg(IReadOnlyList<string> weights, Device? device = null) => new(LpipsLayout.Vgg, weights, device);

    /// <summary>Distances <c>[B]</c> of images <c>[B, 3, H, W]</c> in [-1, 1]; grey ones are shown as grey colour. On the CPU; the caller owns them.</summary>
    public Tensor Between(Tensor images, Tensor truth)
    {
        using var scope = NewDisposeScope();
        return _network.call(Color(images), Color(truth)).cpu().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => _network.Dispose();

    private Tensor Color(Tensor images) => images.to(_device).expand(-1, 3, -1, -1);
}
