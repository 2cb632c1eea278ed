using InvFusion.Data;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>
/// The normals that choose σ for the n images of an optimizer step, one of which lies in each of n equally probable parts of the distribution:
/// z = Φ⁻¹((π(i) + v)/n), π a permutation drawn for each step and v uniform. The share of <see cref="LossOptions.MmseShare"/> takes the lowest parts.
/// </summary>
/// <param name="loss">The loss.</param>
/// <param name="seed">Seed of the run.</param>
/// <param name="stepImages">n, all passes and ranks together.</param>
internal sealed class StratifiedNormals(LossOptions loss, ulong seed, int stepImages)
{
    private const ulong Purpose = 0x737472617461; // "strata"
    private const double Margin = 1.0 / (1L << 53); // keeps Φ⁻¹ finite

    private readonly ShuffledOrder _strata = new(stepImages, (ulong)new RandomStream(seed, Purpose).NextSeed());

    /// <summary>The normals of images in a row, which depend on the seed and on the number of each image alone.</summary>
    /// <param name="counter">Images of the run before the first.</param>
    /// <param name="count">Number of images.</param>
    public double[] Draw(long counter, int count)
    {
        using var scope = NewDisposeScope();
        var uniforms = new double[count];
        for (var i = 0; i < count; i++)
        {
            var v = new RandomStream(seed, Purpose, (ulong)(counter + i)).NextUniform();
            uniforms[i] = (_strata.IndexAt(counter + i) + v) / stepImages;
        }
        var normals = Quantiles(Array.ConvertAll(uniforms, u => (u - loss.MmseShare) / (1 - loss.MmseShare)));
        return [.. uniforms.Select((u, i) => u < loss.MmseShare ? loss.MmseNormal : normals[i])];
    }

    /// <summary>Φ⁻¹, the quantiles of the standard normal distribution, of probabilities that are moved into the open interval (0, 1).</summary>
    internal static double[] Quantiles(double[] probabilities)
    {
        using var scope = NewDisposeScope();
        return special.ndtri(tensor(probabilities).clamp(Margin, 1 - Margin)).data<double>().ToArray();
    }
}
