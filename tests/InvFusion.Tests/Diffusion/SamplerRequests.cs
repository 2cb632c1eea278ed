using InvFusion.Degradations;
using InvFusion.Diffusion;
using static TorchSharp.torch;

namespace InvFusion.Tests.Diffusion;

/// <summary>Requests for tiny images, half of whose numbers are measured.</summary>
internal static class SamplerRequests
{
    public static ImageShape Image { get; } = new(GaussianPosterior.Length, 1, 1);

    public static InverseProblem Problem { get; } = Create();

    public static SamplingRequest ForSeeds(params IEnumerable<ulong> seeds) =>
        new()
        {
            Image = Image,
            Noise = new SampleNoise(seeds),
            Problem = Problem,
        };

    public static SamplingRequest ForCount(int samples) => ForSeeds(Enumerable.Range(0, samples).Select(i => (ulong)i));

    private static InverseProblem Create()
    {
        using var scope = NewDisposeScope();
        var mask = tensor([1f, 0, 1, 0, 0, 1]).reshape(1, GaussianPosterior.Length, 1, 1);
        var y = tensor([0.3f, 0, -0.5f, 0, 0, 0.2f]).reshape(1, 1, GaussianPosterior.Length);
        return new(new MaskOperator(Image, mask), y.DetachFromDisposeScope(), SigmaY: 0.1);
    }
}
