namespace InvFusion.Evaluation.Speed;

/// <summary>The parts of a <see cref="SpeedBench"/>. A new one is one file and one line here.</summary>
public static class SpeedParts
{
    /// <summary>Every part, in the order in which they are measured. The first one's best is the peak that all others are a share of.</summary>
    internal static IReadOnlyList<SpeedPart> All { get; } =
    [
        new("gemm", "libtorch's matrix products, whose best is the peak", GemmPart.Cases),
        new("blocks", "attention and feed-forward blocks of each level", BlocksPart.Cases) { Presets = ["ffhq64"] },
        new("operators", "H, H⁺ and their construction", OperatorsPart.Cases) { Presets = ["ffhq64"] },
        new("evaluation", "one evaluation of a network", EvaluationPart.Cases)
        {
            Presets = ["ffhq64"],
            Models = ["faces64", "faces64-blind", "faces64-unconditional"],
        },
        new("joint", "the joint estimates of a trajectory", JointPart.Cases) { Models = ["faces64"] },
        new("sampling", "a restoration with edm", SamplingPart.Cases) { Models = ["faces64"] },
        new("training", "one step: forward, backward, optimizer", TrainingPart.Cases)
        {
            Presets = ["small64p2", "small64"],
            Models = ["faces64"],
        },
        new("data", "pictures decoded, and decoded and resized", DataPart.Cases),
    ];

    /// <summary>The part that gives the peak.</summary>
    internal static SpeedPart Peak => All[0];

    /// <summary>Names and descriptions of all parts.</summary>
    public static IReadOnlyList<(string Name, string Description)> Descriptions { get; } = [.. All.Select(p => (p.Name, p.Description))];

    /// <summary>The part of a name.</summary>
    /// <exception cref="ConfigurationException">There is none; the message lists those that there are.</exception>
    internal static SpeedPart Find(string name) =>
        All.FirstOrDefault(p => p.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ConfigurationException($"--parts {name}: unknown; choose from {string.Join(", ", All.Select(p => p.Name))}");
}
