using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>The norm of an operator by power iteration, from a fixed start, so that a sample's norm does not depend on its batch.</summary>
internal static class OperatorNorm
{
    private const int Iterations = 30;

    /// <summary>‖H‖², the largest eigenvalue of HᵀH, of each sample: <c>[B or 1, 1, 1, 1]</c>.</summary>
    public static Tensor Squared(LinearOperator op, Device device)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var generator = new Generator(1);
        var image = op.Image;
        var v = randn([1, 1, image.Channels, image.Height, image.Width], generator: generator).to(device).repeat(op.BatchSize, 1, 1, 1, 1);
        var norm = ones([op.BatchSize, 1, 1, 1, 1], device: device);
        for (var i = 0; i < Iterations; i++)
        {
            var w = op.Adjoint(op.Apply(v));
            norm = w.flatten(1).norm(1).reshape(-1, 1, 1, 1, 1);
            v = w / norm.clamp_min(1e-30);
        }
        return norm.squeeze(1).MoveToOuterDisposeScope();
    }
}
