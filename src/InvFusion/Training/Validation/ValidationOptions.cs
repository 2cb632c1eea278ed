namespace InvFusion.Training.Validation;

/// <summary>When a run measures its averaged weights on images that it does not train on.</summary>
public sealed record ValidationOptions : ValidationPlan
{
    /// <summary>The held-out images: a prepared set, a folder or a zip.</summary>
    public required string Data { get; init; }

    /// <summary>Images seen between two measurements; the end of the run has one too.</summary>
    public long EveryImages { get; init; } = 1 << 14;

    /// <inheritdoc/>
    public override void Validate(string prefix)
    {
        base.Validate(prefix);
        Require(Data.Length > 0, prefix + "data", "is empty; name the held-out images");
        Require(EveryImages > 0, prefix + "everyImages", $"is {EveryImages}; it must be positive");
    }
}
