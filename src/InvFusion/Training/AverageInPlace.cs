using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>While it lives the averaged weights are in the place of the current ones; its end brings these back to the bit.</summary>
internal sealed class AverageInPlace : IDisposable
{
    private readonly Tensor _weights;
    private readonly Tensor _current;

    public AverageInPlace(Tensor weights, Tensor average)
    {
        using var noGrad = no_grad();
        (_weights, _current) = (weights, weights.clone().DetachFromDisposeScope());
        weights.copy_(average);
    }

    public void Dispose()
    {
        using var noGrad = no_grad();
        _weights.copy_(_current);
        _current.Dispose();
    }
}
