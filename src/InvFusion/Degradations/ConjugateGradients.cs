using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Exact pseudo-inverses by conjugate gradients on the normal equations.</summary>
internal static class ConjugateGradients
{
    public static Tensor PseudoInverse(LinearOperator op, Tensor measurements, double sigmaY) =>
        throw new NotSupportedException($"{op} has no pseudo-inverse yet");
}
