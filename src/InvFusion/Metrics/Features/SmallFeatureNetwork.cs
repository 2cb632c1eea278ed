using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>
/// The network behind <c>fd_small</c>: four strided convolutions; the means of every stage, from texture to layout, go through one linear layer. 0.2 million numbers, trained without
/// labels by <see cref="Training.Features.FeatureTrainer"/>. Its distances compare models on one kind of image; they are not FID and not comparable to it.
/// </summary>
public sealed class SmallFeatureNetwork : nn.Module<Tensor, Tensor>
{
    /// <summary>Images are resized to this side.</summary>
    public const int Side = 64;

    /// <summary>Number of features of an image.</summary>
    public const int Width = 64;

    private static readonly int[] Widths = [24, 48, 96, 160];

    [ComponentName(Name = "stages")]
    private readonly ModuleList<SmallFeatureStage> _stages;

    [ComponentName(Name = "out")]
    private readonly InvFusion.Modules.Linear _out;

    /// <summary>Builds the network with random weights.</summary>
    public SmallFeatureNetwork()
        : base(nameof(SmallFeatureNetwork))
    {
        _stages = new([.. Widths.Select((width, i) => new SmallFeatureStage(i == 0 ? 3 : Widths[i - 1], width, i == 0 ? 4 : 3))]);
        _out = new(Widths.Sum(), Width, bias: true);
        RegisterComponents();
    }

    /// <summary>Images of bytes as the network takes them: RGB, <see cref="Side"/> squared (bilinear, antialiased), in [-1, 1].</summary>
    /// <param name="images"><c>[B, 3 or 1, H, W]</c> uint8.</param>
    /// <returns><c>[B, 3, 64, 64]</c> float32.</returns>
    public static Tensor Prepare(Tensor images)
    {
        ArgumentNullException.ThrowIfNull(images);
        using var scope = NewDisposeScope();
        return Fit(images.to_type(ScalarType.Float32) / 127.5 - 1).MoveToOuterDisposeScope();
    }

    /// <summary>The same of images in [-1, 1].</summary>
    /// <param name="values"><c>[B, 3 or 1, H, W]</c> float32.</param>
    /// <returns><c>[B, 3, 64, 64]</c>.</returns>
    internal static Tensor Fit(Tensor values)
    {
        using var scope = NewDisposeScope();
        if (values.shape[2] != Side || values.shape[3] != Side)
            values = nn.functional.interpolate(
                values,
                size: [Side, Side],
                mode: InterpolationMode.Bilinear,
                align_corners: false,
                antialias: true
            );
        return values.expand(-1, 3, -1, -1).clone().MoveToOuterDisposeScope();
    }

    /// <summary>Features of prepared images.</summary>
    /// <param name="input"><c>[B, 3, 64, 64]</c> in [-1, 1].</param>
    /// <returns><c>[B, 64]</c>.</returns>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var means = new List<Tensor>(_stages.Count);
        var x = input;
        foreach (var stage in _stages)
        {
            x = stage.call(x);
            means.Add(x.mean([2, 3])); // [B, width of the stage]
        }
        return _out.call(cat(means, 1)).MoveToOuterDisposeScope();
    }

    /// <summary>Scales the features so that their mean variance over these images is 1.</summary>
    /// <param name="images">Prepared images, at least 2.</param>
    internal void ScaleToUnitVariance(Tensor images)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var deviation = forward(images).var(0).mean().sqrt();
        _out.Weight.div_(deviation);
        _out.Bias!.div_(deviation);
    }
}
