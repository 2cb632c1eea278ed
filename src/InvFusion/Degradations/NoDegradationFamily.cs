using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Nothing is measured.</summary>
public sealed class NoDegradationFamily : DegradationFamily
{
    /// <inheritdoc/>
    public override string Name => "none";

    /// <inheritdoc/>
    public override LinearOperator Draw(ImageShape image, IReadOnlyList<RandomStream> samples, RandomStream batch, Device? device = null) =>
        new NoDegradation(image);
}
