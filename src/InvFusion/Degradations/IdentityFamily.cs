using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>The image itself is measured: with noise, what a denoiser is trained on.</summary>
public sealed class IdentityFamily : DegradationFamily
{
    /// <inheritdoc/>
    public override string Name => "identity";

    /// <inheritdoc/>
    public override LinearOperator Draw(ImageShape image, IReadOnlyList<RandomStream> samples, RandomStream batch, Device? device = null) =>
        new IdentityOperator(image);
}
