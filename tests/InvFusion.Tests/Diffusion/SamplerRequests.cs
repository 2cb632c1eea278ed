using InvFusion.Degradations;
using InvFusion.Diffusion;

namespace InvFusion.Tests.Diffusion;

/// <summary>Requests for tiny images.</summary>
internal static class SamplerRequests
{
    public static ImageShape Image { get; } = new(GaussianPosterior.Length, 1, 1);

    public static SamplingRequest ForSeeds(params IEnumerable<ulong> seeds) => new() { Image = Image, Noise = new SampleNoise(seeds) };

    public static SamplingRequest ForCount(int samples) => ForSeeds(Enumerable.Range(0, samples).Select(i => (ulong)i));
}
