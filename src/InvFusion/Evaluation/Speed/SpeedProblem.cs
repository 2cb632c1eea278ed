using InvFusion.Degradations;
using InvFusion.Models;
using static TorchSharp.torch;

namespace InvFusion.Evaluation.Speed;

/// <summary>Noisy images with what a network is told about them, as a sampler tells it: H⁺y, or the linear estimate, has been computed once.</summary>
internal sealed class SpeedProblem : IDisposable
{
    private const double Sigma = 1;

    /// <summary>Makes the images.</summary>
    /// <param name="network">The network.</param>
    /// <param name="image">Shape of an image.</param>
    /// <param name="degradation">Null for a network that is told nothing.</param>
    /// <param name="batch">Images, each with an operator of its own where these are random.</param>
    public SpeedProblem(PreconditionedNetwork network, ImageShape image, DegradationSpec? degradation, int batch)
    {
        Images = SpeedRequest.Normals(ScalarType.Float32, batch, image.Channels, image.Height, image.Width);
        Level = full([1], Sigma);
        if (degradation is null)
            return;
        using var clean = Images.clamp(-1, 1);
        using var one = clean.unsqueeze(1); // [B, 1, C, H, W]
        var op = degradation.Build(image, batch, SpeedRequest.Seed);
        Known = new(op, op.Apply(one)) { NoiseLevel = zeros(1) };
        Known = Known with { MeasuredImage = network.MeasuredImage(Known) };
    }

    /// <summary>Noisy images, <c>[B, C, H, W]</c>.</summary>
    public Tensor Images { get; }

    /// <summary>σ, <c>[1]</c>.</summary>
    public Tensor Level { get; }

    /// <summary>What the network is told.</summary>
    public Conditioning Known { get; } = Conditioning.None;

    public void Dispose()
    {
        Images.Dispose();
        Level.Dispose();
        Known.Operator?.Dispose();
        Known.Measurements?.Dispose();
        Known.NoiseLevel?.Dispose();
        Known.MeasuredImage?.Dispose();
    }

    /// <summary>What a network can be told: the degradations, or nothing.</summary>
    public static IEnumerable<(DegradationSpec? Degradation, string Name)> Of(
        NetworkConfiguration network,
        IReadOnlyList<DegradationSpec> degradations
    ) => network.Kind == NetworkKind.Unconditional ? [(null, "no measurement")] : degradations.Select(d => ((DegradationSpec?)d, d.Text));
}
