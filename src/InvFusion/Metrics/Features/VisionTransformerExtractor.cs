using TorchSharp;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>The 1024 features of DINOv2 ViT-L/14: images resized to 224×224 (bicubic with antialiasing, neither rounded nor clamped), the class token.</summary>
public sealed class VisionTransformerExtractor : IFeatureExtractor
{
    private static readonly float[] Mean = [0.485f, 0.456f, 0.406f]; // of ImageNet
    private static readonly float[] Deviation = [0.229f, 0.224f, 0.225f];

    private readonly VisionTransformer _network;
    private readonly Device _device;

    /// <summary>Loads the network.</summary>
    /// <param name="weights">Its file: the published state dict, or safetensors with the same names.</param>
    /// <param name="device">Where it is put; the CPU when null.</param>
    /// <exception cref="DataFormatException">The file is not that of this network; the message names the tensor.</exception>
    public VisionTransformerExtractor(string weights, Device? device = null)
    {
        _network = NetworkWeights.Load(() => new VisionTransformer(VisionTransformerShape.Large), _ => WeightLayout.Plain, weights);
        _device = device ?? CPU;
        _network.to(_device);
    }

    /// <inheritdoc/>
    public string Name => "dinov2-vitl14";

    /// <inheritdoc/>
    public int Width => _network.Width;

    /// <inheritdoc/>
    public Tensor Extract(Tensor images)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return _network.call(Prepare(images.to(_device))).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => _network.Dispose();

    /// <summary><c>[B, 3, H, W]</c> uint8 → normalised <c>[B, 3, 224, 224]</c>.</summary>
    internal static Tensor Prepare(Tensor images)
    {
        using var scope = NewDisposeScope();
        var x = images.to_type(ScalarType.Float32);
        Tensor rows = SeparableResize.Antialiased((int)x.shape[2], VisionTransformer.Side, x.device),
            columns = SeparableResize.Antialiased((int)x.shape[3], VisionTransformer.Side, x.device);
        Tensor mean = tensor(Mean, device: x.device).view(-1, 1, 1),
            deviation = tensor(Deviation, device: x.device).view(-1, 1, 1);
        return ((SeparableResize.Apply(x, rows, columns) / 255 - mean) / deviation).MoveToOuterDisposeScope();
    }
}
