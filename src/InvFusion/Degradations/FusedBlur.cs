using InvFusion.Ops.Kernels;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>The feature degradation of a <see cref="FourierOperator"/> by <see cref="BlurJob"/>.</summary>
internal static unsafe class FusedBlur
{
    /// <summary>Whether it can be computed: on the CPU, images of the operator's shape whose sides are powers of two up to 256, one kernel for all channels.</summary>
    public static bool Takes(FourierOperator op, ImageShape image) =>
        image == op.Image
        && !op.MixColor
        && op.Spectrum.shape[2] == 1
        && op.Spectrum.device_type == TorchSharp.DeviceType.CPU
        && image.Channels <= LaneMix.MostChannels
        && LaneFourier<float>.TryGet(image.Height, out _)
        && LaneFourier<float>.TryGet(image.Width, out _);

    /// <summary>Computes it where the operator and the tensors allow it.</summary>
    /// <param name="op">H.</param>
    /// <param name="inverseEnergy">1/E, <c>[B or 1, 1, 1, h, w]</c>.</param>
    /// <param name="fusion">What to compute.</param>
    /// <returns>Whether it did.</returns>
    public static bool TryRun(FourierOperator op, Tensor inverseEnergy, in FeatureFusion fusion)
    {
        if (!Takes(op, fusion.Image) || !Holds(op, fusion))
            return false;
        using var mix = new LaneMix(fusion.Mix, op.Image.Channels);
        BlurJob.Run(Job(op, inverseEnergy, fusion, mix), fusion.Grid.Batch, Math.Max(1, get_num_threads()));
        return true;
    }

    /// <summary>The way back.</summary>
    /// <param name="op">H.</param>
    /// <param name="inverseEnergy">1/E.</param>
    /// <param name="fusion">What was computed; its output takes the gradient of the tokens.</param>
    /// <param name="gradient">Of what was computed.</param>
    /// <param name="sums">Takes the gradients of W and b of each sample, <c>[B, m, m + 2]</c>, b last.</param>
    public static void RunBack(FourierOperator op, Tensor inverseEnergy, in FeatureFusion fusion, Tensor gradient, Tensor sums)
    {
        using var scope = NewDisposeScope();
        using var transposed = fusion.Mix.Transposed();
        using LaneMix mix = new(fusion.Mix, op.Image.Channels),
            back = new(transposed, op.Image.Channels);
        var job = Job(op, inverseEnergy, fusion, mix);
        var s = sums.shape;
        var parts = empty([s[0], BlurFuse.Items(job), s[1], s[2]], ScalarType.Float32);
        BlurJob.RunBack(
            job,
            fusion.Grid.Batch,
            Math.Max(1, get_num_threads()),
            TensorMemory.Floats(gradient),
            back,
            TensorMemory.Floats(parts)
        );
        sums.copy_(parts.sum(1, false, null));
    }

    private static BlurJob Job(FourierOperator op, Tensor inverseEnergy, in FeatureFusion fusion, LaneMix mix)
    {
        _ = LaneFourier<float>.TryGet(op.Image.Height, out var columns);
        _ = LaneFourier<float>.TryGet(op.Image.Width, out var rows);
        return new BlurJob(rows, columns, op.Stride, fusion.Patch, mix)
        {
            Tokens = TensorMemory.Floats(fusion.Tokens),
            Output = TensorMemory.Floats(fusion.Output),
            Measurements = TensorMemory.Floats(fusion.Measurements),
            Spectrum = TensorMemory.Floats(op.Spectrum),
            InverseEnergy = TensorMemory.Floats(inverseEnergy),
            Shared = op.BatchSize == 1,
        };
    }

    private static bool Holds(FourierOperator op, in FeatureFusion fusion)
    {
        var ((channels, height, width), patch, samples) = (op.Image, fusion.Patch, fusion.Tokens.shape[0]);
        long[] shape = [samples, height / patch, width / patch, (long)patch * patch * fusion.Mix.Features * channels];
        return (op.BatchSize == 1 || op.BatchSize == samples)
            && TensorMemory.Fits(fusion.Tokens, shape)
            && TensorMemory.Fits(fusion.Output, shape)
            && TensorMemory.Fits(fusion.Measurements, samples, 1, op.MeasurementLength);
    }
}
