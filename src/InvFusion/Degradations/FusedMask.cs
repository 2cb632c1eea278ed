using InvFusion.Ops.Kernels;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>The joint estimate of a mask that all channels share, by <see cref="MaskDual"/>.</summary>
internal static class FusedMask
{
    /// <summary>Whether the kernel can take it.</summary>
    public static bool Takes(JointProblem problem) =>
        FusedKernels.Take(FusedKernel.Joint, problem.Mean)
        && problem.Mean.dtype == ScalarType.Float32
        && PlaneTransform.Fits(problem.Prior.Image.Height, problem.Prior.Image.Width);

    /// <summary>As <see cref="LinearOperator.JointCorrection"/>.</summary>
    /// <param name="mask">M, <c>[B or 1, 1, 1, H, W]</c>.</param>
    /// <param name="problem">The problem.</param>
    public static unsafe Tensor Correct(Tensor mask, JointProblem problem)
    {
        var (channels, rows, columns) = problem.Prior.Bases;
        var (c, height, width) = problem.Prior.Image;
        var difference = problem.Measurements.view(problem.Mean.shape) - problem.MeanImages();
        // M leaves the channels alone: in their own basis each is a problem by itself.
        var residual = CosinePrior.Mix(channels, difference * mask).contiguous();
        var dual = empty_like(residual);
        var start = problem.Start?.Take(residual);
        Tensor left = stack([rows, rows.t()]).contiguous(),
            right = stack([columns, columns.t()]).contiguous(),
            variances = problem.Variances.contiguous(),
            noise = problem.SigmaY.square().contiguous();
        var work = new MaskDual
        {
            Transform = new(height, width, TensorMemory.Floats(left), TensorMemory.Floats(right)),
            Channels = c,
            Residual = TensorMemory.Floats(residual),
            Mask = TensorMemory.Floats(mask),
            Variances = TensorMemory.Floats(variances),
            Noise = TensorMemory.Floats(noise),
            Start = start is null ? null : TensorMemory.Floats(start),
            Dual = TensorMemory.Floats(dual),
            SharedMask = mask.shape[0] == 1,
            SharedVariances = variances.shape[0] == 1,
            SharedNoise = noise.shape[0] == 1,
            MostSteps = problem.Limits.Steps,
            Tolerance = problem.Limits.Tolerance,
        };
        CpuTeam.For((int)residual.shape[0] * c, 1, work);
        problem.Start?.Keep(dual);
        return problem.Mean + problem.Variances * CosineTransform.Sides(dual, rows, columns);
    }
}
