using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>What a parsed degradation is built for.</summary>
/// <param name="Image">Shape of one image.</param>
/// <param name="Samples">One stream per sample.</param>
/// <param name="Batch">The stream of what samples share.</param>
/// <param name="Device">Where the operator lives; the CPU when null.</param>
/// <param name="OpenBorder">The border of a kernel whose specification leaves it open.</param>
/// <param name="Framed">Whether with zeros around the image too only its own frame is measured, not the tails of the blur.</param>
internal sealed record SpecRequest(
    ImageShape Image,
    IReadOnlyList<RandomStream> Samples,
    RandomStream Batch,
    Device? Device,
    BlurBorder OpenBorder,
    bool Framed
)
{
    /// <summary>The operator that a random family draws.</summary>
    public LinearOperator Draw(DegradationFamily family) => family.Draw(Image, Samples, Batch, Device);

    /// <summary>A tensor on the device.</summary>
    public Tensor Place(Tensor tensor) => tensor.to(Device ?? CPU);
}
