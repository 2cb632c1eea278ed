using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Rebuilds an operator from the tensors of a recorded case (vectors of the public implementation).</summary>
internal static class OperatorReplay
{
    /// <summary>The operator of a case, or null when its tensors name none and it is not NoDegradation.</summary>
    /// <param name="image">Shape of one image, the last three numbers of the case's <c>imshape</c>.</param>
    /// <param name="tensor">
    /// Gives a recorded tensor by name (<c>deg_mask</c>, <c>deg_matrix</c>, <c>deg_kernel</c>), or null where the case has none. Ownership stays with the caller.
    /// </param>
    /// <param name="degradation">The case's <c>degradation</c> setting, the public class name.</param>
    /// <param name="stride">The case's <c>stride</c> setting, for kernels.</param>
    /// <param name="mixColor">The case's <c>mix_color</c> setting.</param>
    public static LinearOperator? FromTensors(
        ImageShape image,
        Func<string, Tensor?> tensor,
        string? degradation = null,
        int stride = 1,
        bool mixColor = false
    )
    {
        using var scope = NewDisposeScope();
        if (tensor("deg_mask") is { } mask)
            return new MaskOperator(image, mask.reshape(mask.shape[0], -1, image.Height, image.Width));
        if (tensor("deg_matrix") is { } matrix)
            return new MatrixOperator(image, matrix);
        if (tensor("deg_kernel") is { } kernel)
            return new FourierOperator(image, kernel, stride, mixColor, batchThreshold: true);
        return degradation == "NoDegradation" ? new NoDegradation(image) : null;
    }
}
