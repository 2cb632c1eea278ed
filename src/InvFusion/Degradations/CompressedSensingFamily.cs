using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Compressed sensing with a random fraction of the coefficients for each sample; see <see cref="CompressedSensingOperator"/>.</summary>
public sealed class CompressedSensingFamily : DegradationFamily
{
    /// <summary>Range of the fraction that is measured, whose logarithm is uniform. The high end is the length of every measurement.</summary>
    public (double Low, double High) Keep { get; init; } = (0.02, 0.5);

    /// <inheritdoc/>
    public override string Name => "compressed";

    /// <inheritdoc/>
    public override LinearOperator Draw(ImageShape image, IReadOnlyList<RandomStream> samples, RandomStream batch, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(batch);
        double? common = Shared ? LogUniform(batch, Keep) : null;
        double[] keep = [.. samples.Select(s => common ?? LogUniform(s, Keep))];
        return CompressedSensingOperator.Draw(image, keep, Keep.High, samples, device);
    }
}
