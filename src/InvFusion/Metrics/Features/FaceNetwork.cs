using InvFusion.Modules;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>
/// The face network of dlib (dlib_face_recognition_resnet_model_v1, D. King): a residual network of 29 convolutions, trained so that two images of one person lie nearer
/// than 0.6 and those of two persons farther apart.
/// </summary>
internal sealed class FaceNetwork : nn.Module<Tensor, Tensor>
{
    /// <summary>Side of the input.</summary>
    public const int Side = 150;

    /// <summary>Features of a face.</summary>
    public const int Width = 128;

    /// <summary>Below this Euclidean distance of their features dlib takes two images for one person.</summary>
    public const double SamePerson = 0.6;

    private const int Stem = 32;
    private static readonly float[] Mean = [122.782f, 117.001f, 104.298f]; // of dlib's input_rgb_image, red first

    // Name, channels, and whether it halves the map.
    private static readonly (string Name, int Channels, bool Halves)[] Layout =
    [
        ("conv32_1", 32, false), // 35×35 from here on
        ("conv32_2", 32, false),
        ("conv32_3", 32, false),
        ("conv64_down", 64, true), // 17×17
        ("conv64_1", 64, false),
        ("conv64_2", 64, false),
        ("conv64_3", 64, false),
        ("conv128_down", 128, true), // 8×8
        ("conv128_1", 128, false),
        ("conv128_2", 128, false),
        ("conv256_down", 256, true), // 4×4, of which the branch fills 3×3
        ("conv256_1", 256, false),
        ("conv256_2", 256, false),
        ("conv256_down_out", 256, true), // 2×2, of which the branch fills 1×1
    ];

    private readonly List<FaceBlock> _blocks = [];

    [ComponentName(Name = "conv32_down")]
    private readonly FaceConvolution _stem;

    [ComponentName(Name = "fc")]
    private readonly Parameter _out; // [256, 128]

    /// <summary>Creates the network in evaluation mode; its weights are to be loaded.</summary>
    public FaceNetwork()
        : base(nameof(FaceNetwork))
    {
        _stem = new(3, Stem, kernel: 7, stride: 2);
        var channels = Stem;
        foreach (var (name, outputs, halves) in Layout)
        {
            _blocks.Add(new(channels, outputs, halves));
            register_module(name, _blocks[^1]);
            channels = outputs;
        }
        _out = Parameters.Create(0, channels, Width);
        RegisterComponents();
        eval();
    }

    /// <summary>How the names of the published file map to this network's: <c>conv32_1/conv1/scale/weights</c> is <c>conv32_1.conv1.scale</c>.</summary>
    public static WeightLayout Names { get; } =
        new(
            name =>
                name.Replace("/conv/", "/", StringComparison.Ordinal)
                    .Replace("/scale/weights", "/scale", StringComparison.Ordinal)
                    .Replace("/scale/biases", "/shift", StringComparison.Ordinal)
                    .Replace('/', '.'),
            _ => null
        );

    /// <summary>Images as the network takes them: resized (bicubic with antialiasing, neither rounded nor clamped), less the mean colour, over 256.</summary>
    /// <param name="images"><c>[B, 3, H, W]</c> uint8.</param>
    /// <returns><c>[B, 3, 150, 150]</c> float32.</returns>
    public static Tensor Prepare(Tensor images)
    {
        using var scope = NewDisposeScope();
        var x = images.to_type(ScalarType.Float32);
        if (x.shape[2] != Side || x.shape[3] != Side)
            x = SeparableResize.Apply(
                x,
                SeparableResize.Antialiased((int)x.shape[2], Side, x.device),
                SeparableResize.Antialiased((int)x.shape[3], Side, x.device)
            );
        return ((x - tensor(Mean, device: x.device).view(-1, 1, 1)) / 256).MoveToOuterDisposeScope();
    }

    /// <summary>Features of prepared images.</summary>
    /// <param name="input"><c>[B, 3, 150, 150]</c>.</param>
    /// <returns><c>[B, 128]</c>.</returns>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var x = _stem.call(input).relu(); // [B, 32, 72, 72]
        x = nn.functional.max_pool2d(x, 3, 2); // [B, 32, 35, 35]
        foreach (var block in _blocks)
            x = block.call(x);
        return x.mean([2, 3]).mm(_out).MoveToOuterDisposeScope(); // [B, 256] → [B, 128]
    }
}
