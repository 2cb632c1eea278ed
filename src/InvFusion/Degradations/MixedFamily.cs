using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>One of several families for each sample, uniformly, with strides and sizes of its own: nothing is shared over the batch.</summary>
/// <param name="members">The families to choose from.</param>
public sealed class MixedFamily(params IReadOnlyList<DegradationFamily> members) : DegradationFamily
{
    private readonly RandomFamily _choice = new(members);

    /// <inheritdoc/>
    public override string Name => "mixed";

    /// <inheritdoc/>
    /// <remarks>The operator of a sample depends on its stream alone.</remarks>
    public override LinearOperator Draw(ImageShape image, IReadOnlyList<RandomStream> samples, RandomStream batch, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(samples);
        var parts = samples.Select(s =>
        {
            var family = _choice.Choose(s);
            return (family.Draw(image, [s], new RandomStream((ulong)s.NextSeed()), device), 1);
        });
        return new BatchOperator([.. parts]);
    }
}
