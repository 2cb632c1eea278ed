using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>A random family of degradations, from which training and evaluation draw operators.</summary>
/// <remarks>To add one: derive, and give it a line in <see cref="DegradationFamilies"/>.</remarks>
public abstract class DegradationFamily
{
    /// <summary>
    /// Draws what the public implementation shares over a batch (stride, patch side, keep probability, kernel, spectral threshold) once for the batch. Off,
    /// every sample has an operator of its own that does not depend on the batch it travels in, as far as shapes allow.
    /// </summary>
    public bool Shared { get; init; }

    /// <summary>Whether the operator of a sample depends on the others of its batch or on its place in it: a part of a batch is drawn with all of it then.</summary>
    public virtual bool DependsOnBatch => Shared;

    /// <summary>The name in specifications, for example <c>motion</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Draws the operator of one batch.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="samples">One stream per sample.</param>
    /// <param name="batch">The stream of what the samples share; the same on every rank of a distributed run.</param>
    /// <param name="device">Where the operator lives; the CPU when null.</param>
    /// <returns>An operator that the caller owns.</returns>
    public abstract LinearOperator Draw(ImageShape image, IReadOnlyList<RandomStream> samples, RandomStream batch, Device? device = null);

    /// <summary>One <c>[1, c, h, w]</c> part per sample, or the shared one, stacked to <c>[B or 1, c, h, w]</c> on the device.</summary>
    private protected static Tensor Stack(IEnumerable<float[]> parts, long channels, long height, long width, Device? device)
    {
        using var scope = NewDisposeScope();
        var rows = parts.Select(p => tensor(p).reshape(1, channels, height, width)).ToArray();
        return cat(rows, 0).to(device ?? CPU).MoveToOuterDisposeScope();
    }

    /// <summary>A number in [low, high] whose logarithm is uniform.</summary>
    private protected static double LogUniform(RandomStream stream, (double Low, double High) range) =>
        Math.Clamp(Math.Exp(stream.NextUniform(Math.Log(range.Low), Math.Log(range.High))), range.Low, range.High);

    /// <summary>2^j, j uniform over the integers in [low, high] for which the power fits.</summary>
    private protected static int PowerOfTwo(RandomStream stream, int low, int high, Func<int, bool> fits)
    {
        var allowed = Enumerable.Range(low, Math.Max(0, high - low + 1)).Select(j => 1 << j).Where(fits).ToArray();
        if (allowed.Length == 0)
            allowed = [Enumerable.Range(0, low).Select(j => 1 << j).LastOrDefault(fits, 1)]; // a small image: the largest power that fits
        return allowed[stream.NextInt(0, allowed.Length)];
    }
}
