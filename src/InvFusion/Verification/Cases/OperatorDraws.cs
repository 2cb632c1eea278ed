using InvFusion.Degradations;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>Builds the mask, rows or kernel of an operator from the random draws that the public implementation recorded.</summary>
internal static class OperatorDraws
{
    // The public default: patches are kept with a probability up to this.
    private const double LargestKeep = 0.1;

    /// <summary>Compares what comes out with the recorded operator; a case without draws has nothing to compare here.</summary>
    public static void Check(GoldenCase golden, Comparison comparison, ImageShape image)
    {
        using var scope = NewDisposeScope();
        CheckMotionKernel(golden, comparison);
        if (!golden.Has("draw_00"))
            return;
        Tensor[] draws =
        [
            .. golden
                .TensorNames.Where(n => n.StartsWith("draw_", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal)
                .Select(golden.Tensor),
        ];
        switch (golden.Settings.GetProperty("degradation").GetString())
        {
            case "Degradation":
                comparison.Check("deg_matrix of the draws", Rows(draws[0], draws[1]), golden.Tensor("deg_matrix"));
                break;
            case "MissingPatches":
                comparison.Check("deg_mask of the draws", Patches(golden, image, draws), golden.Tensor("deg_mask"), tolerance: 0);
                break;
            case "Box":
                comparison.Check("deg_mask of the draws", Boxes(image, draws, missing: false), golden.Tensor("deg_mask"), tolerance: 0);
                break;
            case "MissingBox":
                comparison.Check("deg_mask of the draws", Boxes(image, draws, missing: true), golden.Tensor("deg_mask"), tolerance: 0);
                break;
            case "SRConv":
                comparison.Check("deg_kernel of the draws", Kernels(draws[1]), golden.Tensor("deg_kernel"));
                break;
            case "MotionBlur": // draws of stride and intensity, which are in the settings, and a seed for another generator
                break;
            default:
                throw new DataFormatException(
                    $"{golden.Name}: no way is known to use the draws of {golden.Settings.GetProperty("degradation")}"
                );
        }
    }

    // draws: rows [B, O, N], then how many of them to keep [B, 1].
    private static Tensor Rows(Tensor normals, Tensor counts) =>
        normals / MatrixFamily.Norms(normals) * (arange(normals.shape[1]) < counts).unsqueeze(-1);

    // draws in threes: side, probability, one uniform per patch; the last three are the accepted ones. The public code redraws the probability from a
    // normal, so that it comes as it is.
    private static Tensor Patches(GoldenCase golden, ImageShape image, Tensor[] draws)
    {
        var side = golden.Settings.GetProperty("patch_size").GetInt32();
        var (keep, uniforms) = (draws[^2].flatten()[0].item<float>() * LargestKeep, draws[^1]);
        return Stack(uniforms.unbind().Select(u => MissingPatchesFamily.Mask(image, side, keep, TensorMemory.Numbers<float>(u))), image);
    }

    // draws: two of the width + 1 columns, then two of the height + 1 rows, [B, 2] each.
    private static Tensor Boxes(ImageShape image, Tensor[] draws, bool missing) =>
        Stack(draws[0].unbind().Zip(draws[1].unbind(), (x, y) => BoxFamily.Mask(image, Pair(x), Pair(y), missing)), image);

    private static Tensor Kernels(Tensor normals) =>
        stack(normals.unbind().Select(n => tensor(SuperResolutionFamily.Kernel(TensorMemory.Numbers<float>(n))).reshape(n.shape)));

    /// <summary>The recorded camera path, where the case has one → its picture → the kernel widened by the stride.</summary>
    public static void CheckMotionKernel(GoldenCase golden, Comparison comparison)
    {
        if (!golden.Has("deg_motion_path"))
            return;
        using var scope = NewDisposeScope();
        var motion = golden.Stored("deg_motion_kernelMatrix");
        var (height, width) = ((int)motion.shape[0], (int)motion.shape[1]);
        var path = golden
            .Stored("deg_motion_path")
            .unbind()
            .Select(p => ((double)p[0].item<float>(), (double)p[1].item<float>()))
            .ToArray();
        comparison.Check("deg_motion_kernelMatrix", tensor(MotionKernel.FromPath(path, width, height)).reshape(height, width), motion);
        var kernel = MotionBlurFamily.Widen(
            TensorMemory.Numbers<float>(motion),
            width,
            height,
            golden.Settings.GetProperty("stride").GetInt32()
        );
        var expected = golden.Tensor("deg_kernel");
        comparison.Check("deg_kernel", tensor(kernel).reshape(1, 1, height, width).expand(expected.shape), expected);
    }

    private static Tensor Stack(IEnumerable<float[]> masks, ImageShape image) =>
        stack(masks.Select(m => tensor(m).reshape(1, 1, image.Height, image.Width)));

    private static (int, int) Pair(Tensor two) => ((int)two[0].to(int64).item<long>(), (int)two[1].to(int64).item<long>());
}
