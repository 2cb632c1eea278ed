namespace InvFusion.Training;

/// <summary>The optimizer of a run.</summary>
public sealed record OptimizerOptions
{
    private const double DefaultMomentum = 0.95;

    /// <summary>Adam, or Muon for the matrices of the transformer layers.</summary>
    public OptimizerKind Kind { get; init; }

    /// <summary>Adam: decay of the first moment.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Adam: decay of the second moment.</summary>
    public double Beta2 { get; init; } = 0.99;

    /// <summary>Adam: what is added to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Muon: decay of its (Nesterov) momentum.</summary>
    public double Momentum { get; init; } = DefaultMomentum;

    /// <summary>Muon: its learning rate as a multiple of the schedule's.</summary>
    public double MuonRate { get; init; } = 1;

    /// <summary>
    /// λ of w ← (1 - rate·λ)·w before the step, decoupled from the gradients (AdamW), with either optimizer, of the matrices of the transformer layers alone:
    /// embeddings, norms, scales and biases never decay.
    /// </summary>
    public double WeightDecay { get; init; }

    /// <summary>Checks every value.</summary>
    /// <exception cref="ConfigurationException">The message names the key.</exception>
    public void Validate(string source)
    {
        Require(Enum.IsDefined(Kind), "kind", $"is '{Kind}'; use Adam or Muon");
        Require(Beta1 is >= 0 and < 1, "beta1", $"is {Beta1}; it must be in [0, 1)");
        Require(Beta2 is >= 0 and < 1, "beta2", $"is {Beta2}; it must be in [0, 1)");
        Require(Epsilon is > 0 and < 1, "epsilon", $"is {Epsilon}; it must be in (0, 1)");
        Require(Momentum is >= 0 and < 1, "momentum", $"is {Momentum}; it must be in [0, 1)");
        Require(MuonRate is > 0 and <= 1000, "muonRate", $"is {MuonRate}; it must be above 0 and at most 1000");
        Require(WeightDecay is >= 0 and <= 1000, "weightDecay", $"is {WeightDecay}; it must be 0 to 1000");
        Require(
            Kind == OptimizerKind.Muon || Momentum == DefaultMomentum,
            "momentum",
            "is Muon's; set optimizer.kind to Muon or leave it out"
        );
        Require(Kind == OptimizerKind.Muon || MuonRate == 1, "muonRate", "is Muon's; set optimizer.kind to Muon or leave it out");

        void Require(bool condition, string key, string problem)
        {
            if (!condition)
                throw new ConfigurationException($"{source}: optimizer.{key} {problem}");
        }
    }
}
