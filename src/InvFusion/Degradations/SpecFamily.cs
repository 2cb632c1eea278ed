using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>A specification as a family, for example <c>sr:4</c> or <c>gray+patches</c>; what is random in it is drawn anew for each batch.</summary>
/// <param name="spec">The specification.</param>
public sealed class SpecFamily(DegradationSpec spec) : DegradationFamily
{
    /// <inheritdoc/>
    public override string Name => spec.Text;

    /// <inheritdoc/>
    public override bool DependsOnBatch => true;

    /// <inheritdoc/>
    public override LinearOperator Draw(ImageShape image, IReadOnlyList<RandomStream> samples, RandomStream batch, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(batch);
        return spec.Build(image, samples.Count, batch.NextUInt64(), device);
    }
}
