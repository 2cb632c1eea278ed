using InvFusion.Ops.Kernels;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Keeps some pixels and loses the rest; the measurement is the image with zeros where nothing was seen.</summary>
public sealed class MaskOperator : LinearOperator
{
    private readonly Tensor _mask; // [B, 1, 1 or C, H, W]

    /// <summary>Creates the operator.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="mask"><c>[B or 1, 1 or C, H, W]</c>; a pixel above 0.5 is observed.</param>
    public MaskOperator(ImageShape image, Tensor mask)
        : base(image, (int)Size(image, mask)[0], image.Length)
    {
        using var scope = NewDisposeScope();
        _mask = Keep((mask > 0.5).to_type(ScalarType.Float32).unsqueeze(1));
    }

    /// <inheritdoc/>
    public override ImageShape? MeasurementShape => Image;

    /// <inheritdoc/>
    public override Tensor Apply(Tensor images)
    {
        RequireImages(images);
        using var scope = NewDisposeScope();
        return (images * _mask.to_type(images.dtype)).reshape(images.shape[0], images.shape[1], Image.Length).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor measurements) => Spread(measurements, 1);

    /// <inheritdoc/>
    internal override Tensor JointCorrection(JointProblem problem) =>
        _mask.shape[2] == 1 && FusedMask.Takes(problem) ? FusedMask.Correct(_mask, problem) : base.JointCorrection(problem);

    /// <inheritdoc/>
    internal override Tensor ColumnEnergy(Device device) => _mask.squeeze(1).expand(-1, Image.Channels, -1, -1);

    /// <inheritdoc/>
    public override Tensor PseudoInverse(Tensor measurements, double sigmaY = 0) => Spread(measurements, 1 / (1 + sigmaY * sigmaY));

    /// <inheritdoc/>
    internal override unsafe bool Fuse(in FeatureFusion fusion)
    {
        if (!FusesBack(fusion.Image, fusion.Type))
            return false;
        Run(fusion, null, null);
        return true;
    }

    /// <inheritdoc/>
    internal override bool FusesBack(ImageShape image, ScalarType dtype) =>
        image == Image && _mask.device_type == TorchSharp.DeviceType.CPU;

    /// <inheritdoc/>
    internal override unsafe void FuseBack(in FeatureFusion fusion, Tensor gradient, Tensor sums) =>
        Run(fusion, TensorMemory.Floats(gradient), TensorMemory.Floats(sums));

    private unsafe void Run(in FeatureFusion fusion, float* gradient, float* sums)
    {
        var work = new MaskFusion(
            fusion.Grid,
            TensorMemory.Floats(fusion.Tokens),
            TensorMemory.Floats(fusion.Measurements),
            TensorMemory.Floats(_mask),
            (int)_mask.shape[0],
            (int)_mask.shape[2],
            fusion.Mix,
            TensorMemory.Floats(fusion.Output),
            gradient,
            sums
        );
        CpuTeam.For(work.Items, 1, work);
    }

    /// <summary>Noise of the observed pixels; where nothing was seen there is none.</summary>
    public override Tensor Noise(Tensor normals)
    {
        using var scope = NewDisposeScope();
        return Spread(normals, 1).flatten(2).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor NoiseVariance(Device device)
    {
        using var scope = NewDisposeScope();
        long[] whole = [BatchSize, 1, Image.Channels, Image.Height, Image.Width];
        return _mask.to_type(ScalarType.Float64).expand(whole).flatten(2).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <remarks>What a picture shows in the hole was not measured.</remarks>
    public override Tensor FromView(Tensor picture, double sigmaY = 0) => Apply(picture);

    /// <inheritdoc/>
    public override LinearOperator Select(params ReadOnlySpan<long> samples)
    {
        using var scope = NewDisposeScope();
        return new MaskOperator(Image, Pick(_mask, samples.ToArray()).squeeze(1));
    }

    /// <inheritdoc/>
    public override int? WindowStep => 1;

    /// <inheritdoc/>
    public override LinearOperator Window(ImageWindow window)
    {
        using var scope = NewDisposeScope();
        var part = _mask.narrow(-2, window.Top, window.Height).narrow(-1, window.Left, window.Width);
        return new MaskOperator(Image.Of(window), part.squeeze(1));
    }

    /// <inheritdoc/>
    public override Tensor Picture() => _mask.squeeze(1);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _mask.Dispose();
        base.Dispose(disposing);
    }

    private Tensor Spread(Tensor measurements, double scale)
    {
        RequireMeasurements(measurements);
        using var scope = NewDisposeScope();
        var images = measurements.reshape(measurements.shape[0], measurements.shape[1], Image.Channels, Image.Height, Image.Width);
        var weights = scale == 1 ? _mask : _mask * scale;
        return (images * weights.to_type(measurements.dtype)).MoveToOuterDisposeScope();
    }

    private static long[] Size(ImageShape image, Tensor mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        var s = mask.shape;
        if (s.Length != 4 || (s[1] != 1 && s[1] != image.Channels) || s[2] != image.Height || s[3] != image.Width)
            throw new ArgumentException(
                $"the mask is [{string.Join(", ", s)}], needed [B, 1 or {image.Channels}, {image.Height}, {image.Width}]"
            );
        return s;
    }
}
