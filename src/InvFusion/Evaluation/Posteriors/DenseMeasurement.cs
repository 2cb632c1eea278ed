using InvFusion.Degradations;
using static TorchSharp.torch;

namespace InvFusion.Evaluation.Posteriors;

/// <summary>An operator of one sample written out as matrices, for small images.</summary>
public sealed class DenseMeasurement : IDisposable
{
    /// <summary>Writes an operator out by applying it to unit images, and its noise by spreading unit normals.</summary>
    public DenseMeasurement(LinearOperator op, double sigmaY)
    {
        using var scope = NewDisposeScope();
        var image = op.Image;
        var units = eye(image.Length, dtype: float64).reshape(1, image.Length, image.Channels, image.Height, image.Width);
        Matrix = op.Apply(units)[0].t().contiguous().DetachFromDisposeScope();
        var normals = eye(op.MeasurementLength, dtype: float64).unsqueeze(0);
        var spread = op.Noise(normals)[0]; // row i is what normal i becomes
        Noise = (spread.t().mm(spread) * (sigmaY * sigmaY)).DetachFromDisposeScope();
    }

    /// <summary>A, <c>[O, N]</c>.</summary>
    public Tensor Matrix { get; }

    /// <summary>R, the covariance of the noise, <c>[O, O]</c>.</summary>
    public Tensor Noise { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Matrix.Dispose();
        Noise.Dispose();
    }
}
