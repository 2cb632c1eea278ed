using InvFusion.Ops.Kernels;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>The feature degradation of a <see cref="FourierOperator"/> by <see cref="BlurJob"/>.</summary>
internal static unsafe class FusedBlur
{
    /// <summary>Computes it where the tensors allow it: float32 on the CPU, sides that are powers of two up to 256, one kernel for all channels.</summary>
    /// <param name="op">H.</param>
    /// <param name="inverseEnergy">1/E, <c>[B or 1, 1, 1, h, w]</c>.</param>
    /// <param name="fusion">What to compute.</param>
    /// <returns>Whether it did.</returns>
    public static bool TryRun(FourierOperator op, Tensor inverseEnergy, in FeatureFusion fusion)
    {
        var (channels, height, width) = op.Image;
        LaneFourier<float> rows = default,
            columns = default;
        var fits =
            !op.MixColor
            && op.Spectrum.shape[2] == 1
            && channels <= LaneMix.MostChannels
            && LaneFourier<float>.TryGet(height, out columns)
            && LaneFourier<float>.TryGet(width, out rows)
            && Holds(op, fusion);
        if (!fits)
            return false;
        using var mix = new LaneMix(fusion.Mix, channels);
        var job = new BlurJob(rows, columns, op.Stride, fusion.Patch, mix)
        {
            Tokens = TensorMemory.Floats(fusion.Tokens),
            Output = TensorMemory.Floats(fusion.Output),
            Measurements = TensorMemory.Floats(fusion.Measurements),
            Spectrum = TensorMemory.Floats(op.Spectrum),
            InverseEnergy = TensorMemory.Floats(inverseEnergy),
            Shared = op.BatchSize == 1,
        };
        BlurJob.Run(job, (int)fusion.Tokens.shape[0], Math.Max(1, get_num_threads()));
        return true;
    }

    private static bool Holds(FourierOperator op, in FeatureFusion fusion)
    {
        var ((channels, height, width), patch, samples) = (op.Image, fusion.Patch, fusion.Tokens.shape[0]);
        long[] shape = [samples, height / patch, width / patch, (long)patch * patch * fusion.Mix.Features * channels];
        return (op.BatchSize == 1 || op.BatchSize == samples)
            && height % patch == 0
            && width % patch == 0
            && TensorMemory.Fits(fusion.Tokens, shape)
            && TensorMemory.Fits(fusion.Output, shape)
            && TensorMemory.Fits(fusion.Measurements, samples, 1, op.MeasurementLength)
            && op.Spectrum.device_type == fusion.Tokens.device_type;
    }
}
