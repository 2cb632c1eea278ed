using InvFusion.Degradations;
using static TorchSharp.torch;

namespace InvFusion.Restoration;

/// <summary>Counts the calls of another operator, in images; does not own it.</summary>
internal sealed class CountingOperator(LinearOperator inner) : LinearOperator(inner.Image, inner.BatchSize, inner.MeasurementLength)
{
    private long _forward;
    private long _inverse;
    private CountingOperator? _exact;

    /// <summary>Images that H was applied to.</summary>
    public long ForwardCalls => _forward + (_exact?.ForwardCalls ?? 0);

    /// <summary>Measurements that H⁺ or Hᵀ was applied to.</summary>
    public long InverseCalls => _inverse + (_exact?.InverseCalls ?? 0);

    public override ImageShape? MeasurementShape => inner.MeasurementShape;

    public override double NoiseGain => inner.NoiseGain;

    public override Tensor Apply(Tensor images)
    {
        _forward += images.shape[0] * images.shape[1];
        return inner.Apply(images);
    }

    public override Tensor Adjoint(Tensor measurements)
    {
        _inverse += measurements.shape[0] * measurements.shape[1];
        return inner.Adjoint(measurements);
    }

    internal override Tensor Backproject(Tensor measurements) => inner.Backproject(measurements);

    internal override Tensor ColumnEnergy(Device device) => inner.ColumnEnergy(device);

    internal override Tensor JointCorrection(JointProblem problem) => inner.JointCorrection(problem);

    public override Tensor PseudoInverse(Tensor measurements, double sigmaY = 0)
    {
        _inverse += measurements.shape[0] * measurements.shape[1];
        return inner.PseudoInverse(measurements, sigmaY);
    }

    internal override bool Fuse(in FeatureFusion fusion)
    {
        if (!inner.Fuse(fusion))
            return false;
        var images = fusion.Tokens.shape[0] * fusion.Mix.Features;
        _forward += images;
        _inverse += images;
        return true;
    }

    public override Tensor LinearEstimate(Tensor measurements, Tensor? sigmaY = null)
    {
        _inverse += measurements.shape[0] * measurements.shape[1];
        return inner.LinearEstimate(measurements, sigmaY);
    }

    public override Tensor LinearEstimate(Tensor measurements, int steps, Tensor? sigmaY = null)
    {
        _inverse += measurements.shape[0] * measurements.shape[1];
        return inner.LinearEstimate(measurements, steps, sigmaY);
    }

    public override LinearOperator Exact => ReferenceEquals(inner.Exact, inner) ? this : _exact ??= new CountingOperator(inner.Exact);

    public override LinearOperator Select(params ReadOnlySpan<long> samples) => inner.Select(samples);

    public override Tensor Noise(Tensor normals) => inner.Noise(normals);

    public override Tensor NoiseVariance(Device device) => inner.NoiseVariance(device);

    public override Tensor? View(Tensor measurements) => inner.View(measurements);

    public override ImageShape? ViewShape => inner.ViewShape;

    public override Tensor FromView(Tensor picture, double sigmaY = 0) => inner.FromView(picture, sigmaY);

    public override Tensor? Picture() => inner.Picture();
}
