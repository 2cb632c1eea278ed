using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Nothing is measured: for the training of a network that shall draw images without a measurement too. The identity is <see cref="IdentityFamily"/>.</summary>
public sealed class NoDegradationFamily : DegradationFamily
{
    /// <inheritdoc/>
    public override string Name => "none";

    /// <inheritdoc/>
    public override LinearOperator Draw(ImageShape image, IReadOnlyList<RandomStream> samples, RandomStream batch, Device? device = null) =>
        new NoDegradation(image);
}
