namespace InvFusion.Training;

/// <summary>One line of <c>stats.jsonl</c>: the means since the line before.</summary>
public sealed record TrainingStatus
{
    /// <summary>Images seen.</summary>
    public required long Images { get; init; }

    /// <summary>Images of the whole run.</summary>
    public required long TotalImages { get; init; }

    /// <summary>Mean loss of a pixel.</summary>
    public required double Loss { get; init; }

    /// <summary>Mean of (H⁺H(D - x))² over pixels.</summary>
    public required double Consistency { get; init; }

    /// <summary>Mean loss of the directions of a sample, Σ_k (1 - ⟨ê, w_k⟩²); null without directions.</summary>
    public double? DirectionLoss { get; init; }

    /// <summary>Mean loss of the variances along them; null without directions.</summary>
    public double? VarianceLoss { get; init; }

    /// <summary>Learning rate of the last step.</summary>
    public required double LearningRate { get; init; }

    /// <summary>β of the last step's average.</summary>
    public required double EmaBeta { get; init; }

    /// <summary>Seconds for a thousand images.</summary>
    public required double SecondsPerKimg { get; init; }

    /// <summary>Seconds of training in all, earlier parts of a resumed run included.</summary>
    public required double Seconds { get; init; }

    /// <summary>Resident memory of the process, in MB.</summary>
    public required double MemoryMegabytes { get; init; }

    /// <summary>Gradients that were NaN or infinite and counted as 0.</summary>
    public required long SkippedGradients { get; init; }
}
