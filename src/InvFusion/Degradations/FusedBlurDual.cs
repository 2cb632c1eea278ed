using InvFusion.Ops.Kernels;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>The joint estimate of a blur that all channels share, by <see cref="BlurDual"/>.</summary>
internal static class FusedBlurDual
{
    /// <summary>Whether the kernel can take it.</summary>
    public static bool Takes(FourierOperator op, JointProblem problem)
    {
        var (_, height, width) = op.Image;
        return FusedKernels.Take(FusedKernel.Joint, problem.Mean)
            && problem.Mean.dtype == ScalarType.Float32
            && op.Kernel.shape[1] == 1
            && !op.MixColor
            && PlaneTransform.Fits(height, width)
            && SpectralBlur.Fits(height, width, op.Stride)
            && LaneFourier<double>.TryGet(height, out _)
            && LaneFourier<double>.TryGet(width, out _);
    }

    /// <summary>As <see cref="LinearOperator.JointCorrection"/>.</summary>
    /// <param name="op">H.</param>
    /// <param name="energy">The diagonal of G P Gᵀ on the canvas, <c>[B or 1, 1, C, h, w]</c>.</param>
    /// <param name="problem">The problem.</param>
    public static unsafe Tensor Correct(FourierOperator op, Tensor energy, JointProblem problem)
    {
        var (channels, rows, columns) = problem.Prior.Bases;
        var (c, height, width) = op.Image;
        var (batch, entries) = (problem.Mean.shape[0], 2 * op.MeasurementHeight * op.MeasurementWidth);
        LaneFourier<double>.TryGet(width, out var alongRows);
        LaneFourier<double>.TryGet(height, out var alongColumns);
        // The blur leaves the channels alone: in their own basis they are problems by themselves.
        var y = CosinePrior.Mix(channels, problem.Measurements.reshape(batch, 1, c, op.MeasurementHeight, -1)).contiguous();
        var mean = CosineTransform.Sides(problem.Mean, rows.t(), columns.t()).contiguous();
        var dual = empty([batch, BlurDual.Pairs(c), entries], ScalarType.Float32);
        var images = empty_like(mean);
        var start = problem.Start?.Take(dual);
        Tensor left = stack([rows, rows.t()]).contiguous(),
            right = stack([columns, columns.t()]).contiguous(),
            variances = problem.Variances.contiguous(),
            strong = (energy + problem.NoiseVariance(5)).contiguous(),
            noise = problem.SigmaY.square().contiguous();
        var work = new BlurDual
        {
            Measurements = TensorMemory.Floats(y),
            Mean = TensorMemory.Floats(mean),
            Variances = TensorMemory.Floats(variances),
            Strong = TensorMemory.Floats(strong),
            Noise = TensorMemory.Floats(noise),
            Spectrum = TensorMemory.Floats(op.Spectrum),
            Start = start is null ? null : TensorMemory.Floats(start),
            Dual = TensorMemory.Floats(dual),
            Images = TensorMemory.Floats(images),
            Transform = new(height, width, TensorMemory.Floats(left), TensorMemory.Floats(right)),
            Rows = alongRows,
            Columns = alongColumns,
            Stride = op.Stride,
            Channels = c,
            SharedBlur = op.BatchSize == 1,
            SharedVariances = variances.shape[0] == 1,
            SharedStrong = strong.shape[0] == 1,
            SharedNoise = noise.shape[0] == 1,
            MostSteps = problem.Limits.Steps,
            Tolerance = problem.Limits.Tolerance,
        };
        CpuTeam.For((int)batch * BlurDual.Pairs(c), 1, work);
        problem.Start?.Keep(dual);
        return problem.Mean + problem.Variances * CosineTransform.Sides(images, rows, columns);
    }
}
