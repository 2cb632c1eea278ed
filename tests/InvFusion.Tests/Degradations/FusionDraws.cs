using InvFusion.Degradations;
using InvFusion.Ops.Kernels;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

/// <summary>Feature degradations with random tokens, measurements and weights.</summary>
internal static class FusionDraws
{
    /// <summary>At once against step by step in float32.</summary>
    public static void Compare(
        LinearOperator op,
        FeatureMix mix,
        int patch,
        int samples,
        ScalarType type = ScalarType.Float32,
        double tolerance = 1e-5
    )
    {
        using var noGrad = no_grad();
        var fusion = Draw(op, mix, patch, samples, type);
        Assert.True(op.Fuse(fusion));
        var (weight, bias) = mix.ToTensors();
        var expected = FeatureFusion.StepByStep(fusion.Tokens, op, fusion.Measurements, weight, bias, patch, ScalarType.Float32);
        var largest = expected.abs().max();
        Assert.True(largest.item<float>() > 0);
        TensorAssert.Close(expected / largest, fusion.Output / largest, tolerance);
    }

    // The measurements are no spectra of real images, as little as noise is; as large as those are, so that both count.
    public static FeatureFusion Draw(LinearOperator op, FeatureMix mix, int patch, int samples, ScalarType type = ScalarType.Float32)
    {
        var (c, h, w) = op.Image;
        var tokens = Close.Normals(1, samples, h / patch, w / patch, patch * patch * c * mix.Features);
        var measurements = Close.Normals(2, samples, 1, op.MeasurementLength) * (op is FourierOperator ? op.NoiseGain / 4 : 1);
        return new(tokens, full_like(tokens, double.NaN), measurements, mix, patch, type);
    }

    public static FeatureMix Mix(int features)
    {
        using var scope = NewDisposeScope();
        return new(
            TensorAssert.Values(Close.Normals(7, features, features + 1) / Math.Sqrt(features)),
            TensorAssert.Values(Close.Normals(8, features))
        );
    }
}
