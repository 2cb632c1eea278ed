using InvFusion.Degradations;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Evaluation.Speed;

/// <summary>What a part is asked to measure.</summary>
/// <param name="Options">The options of the run.</param>
/// <param name="Networks">The networks, given or the part's own.</param>
/// <param name="Cancellation">Ends long work.</param>
internal sealed record SpeedRequest(SpeedOptions Options, IReadOnlyList<SpeedNetwork> Networks, CancellationToken Cancellation)
{
    /// <summary>Seed of everything random.</summary>
    public const int Seed = 1;

    private static readonly string[] DefaultDegradations = ["patches", "random-matrix:rows=128", "motion"];

    /// <summary>Names of the precisions with the types that they mean.</summary>
    public IEnumerable<(string Name, ScalarType Type)> Precisions =>
        Options.Precisions.Distinct().Select(name => (name, ComputePrecision.Parse(name)));

    /// <summary>The degradations.</summary>
    public IReadOnlyList<DegradationSpec> Degradations =>
        Options.Degradations.Count > 0
            ? [.. Options.Degradations.DistinctBy(d => d.Text)]
            : [.. DefaultDegradations.Select(DegradationSpec.Parse)];

    /// <summary>The degradations of parts whose work is long: those that were given, or one alone.</summary>
    public IReadOnlyList<DegradationSpec> FewDegradations => Options.Degradations.Count > 0 ? Degradations : [Degradations[0]];

    /// <summary>The batches that were given, or the part's own; a quick run has one of two images.</summary>
    public IReadOnlyList<int> Batches(params IReadOnlyList<int> own) =>
        Options.Batches.Count > 0 ? [.. Options.Batches.Distinct()]
        : Options.Quick ? [2]
        : own;

    /// <summary>Standard normals of a type, always the same; no dispose scope ends them.</summary>
    public static Tensor Normals(ScalarType type, params long[] shape)
    {
        using var generator = new Generator(Seed);
        using var values = randn(shape, generator: generator);
        return values.to_type(type, copy: true).DetachFromDisposeScope();
    }

    /// <summary>Shape of the images of a network.</summary>
    public static ImageShape ImageOf(SpeedNetwork network) =>
        new(network.Configuration.Channels, network.Configuration.Resolution, network.Configuration.Resolution);
}
