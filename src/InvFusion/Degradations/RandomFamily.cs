using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>One of several families for each batch, uniformly.</summary>
/// <param name="members">The families to choose from.</param>
public sealed class RandomFamily(params IReadOnlyList<DegradationFamily> members) : DegradationFamily
{
    /// <summary>The families to choose from.</summary>
    public IReadOnlyList<DegradationFamily> Members { get; } =
        members is { Count: > 0 } ? members : throw new ConfigurationException("random degradation: the list of families is empty");

    /// <inheritdoc/>
    public override string Name => "random";

    /// <inheritdoc/>
    public override bool DependsOnBatch => Members.Any(m => m.DependsOnBatch);

    /// <summary>The family of the next batch. The choice comes from the batch's stream, so that all ranks agree.</summary>
    public DegradationFamily Choose(RandomStream batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        return Members[batch.NextInt(0, Members.Count)];
    }

    /// <inheritdoc/>
    public override LinearOperator Draw(ImageShape image, IReadOnlyList<RandomStream> samples, RandomStream batch, Device? device = null) =>
        Choose(batch).Draw(image, samples, batch, device);
}
