using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>The forms of the input.</summary>
internal static class InceptionInputs
{
    /// <summary><c>[B, 3, H, W]</c> uint8 → <c>[B, 3, 299, 299]</c> float32.</summary>
    public static Tensor Prepare(Tensor images, InceptionInput form)
    {
        using var scope = NewDisposeScope();
        var x = images.to_type(ScalarType.Float32);
        return (form == InceptionInput.TensorFlow ? TensorFlow(x) : PyTorch(x)).MoveToOuterDisposeScope();
    }

    private static Tensor PyTorch(Tensor x) =>
        nn.functional.interpolate(
            x / 255,
            [InceptionNetwork.Side, InceptionNetwork.Side],
            mode: InterpolationMode.Bilinear,
            align_corners: false
        ) * 2
        - 1;

    private static Tensor TensorFlow(Tensor x)
    {
        var wide = Lerp(x, 3); // columns first
        return (Lerp(wide, 2) - 128) / 128;
    }

    // Neighbours and their weights in single precision, as the graph computed them.
    private static Tensor Lerp(Tensor x, int dimension)
    {
        var inputs = (int)x.shape[dimension];
        var scale = inputs / (float)InceptionNetwork.Side;
        var (low, high, part) = (new long[InceptionNetwork.Side], new long[InceptionNetwork.Side], new float[InceptionNetwork.Side]);
        for (var i = 0; i < InceptionNetwork.Side; i++)
        {
            var source = i * scale;
            low[i] = (long)source;
            high[i] = Math.Min(low[i] + 1, inputs - 1);
            part[i] = source - low[i];
        }
        Tensor a = x.index_select(dimension, tensor(low, device: x.device)),
            b = x.index_select(dimension, tensor(high, device: x.device));
        var weights = tensor(part, device: x.device);
        return a + (b - a) * (dimension == 2 ? weights.view(-1, 1) : weights);
    }
}
