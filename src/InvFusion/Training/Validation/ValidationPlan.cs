namespace InvFusion.Training.Validation;

/// <summary>What a validation measures: how many images, degraded in which ways, at which noise levels.</summary>
public record ValidationPlan
{
    /// <summary>How many images, from the first of the set on.</summary>
    public int Number { get; init; } = 64;

    /// <summary>Images that go through the network together; it does not change the values but for rounding.</summary>
    public int Batch { get; init; } = 16;

    /// <summary>Families and specifications, with <c>@σ_y</c> behind those whose measurements are noisy: see <see cref="ValidationDegradation"/>.</summary>
    public IReadOnlyList<string> Degradations { get; init; } =
    [
        "matrix",
        "motion",
        "patches",
        "none",
        "box",
        "missing-box",
        "sr:4",
        "patches:size=1,keep=0.5",
        "patches:size=1,keep=0.2",
        "blur:sigma=2@0.05",
        "gray",
        "compressed:keep=0.1",
    ];

    /// <summary>Noise levels in units of the images, rising; a network trained for the mean alone is measured at its own.</summary>
    public IReadOnlyList<double> Sigmas { get; init; } = ValidationGrid.Default;

    /// <summary>Checks every value.</summary>
    /// <param name="prefix">What stands before the names in messages.</param>
    /// <exception cref="ConfigurationException">The message names the key.</exception>
    public virtual void Validate(string prefix)
    {
        Require(Number > 0, "number", $"is {Number}; it must be positive");
        Require(Batch is > 0 and <= 1 << 12, "batch", $"is {Batch}; it must be 1 to 4096");
        Require(Degradations.Count > 0, "degradations", "is empty; name at least one family");
        var seen = new HashSet<ValidationDegradation>();
        foreach (var text in Degradations)
        {
            var (entry, problem) = Parse(text);
            Require(problem is null, "degradations", $"has '{text}': {problem}");
            Require(seen.Add(entry!), "degradations", $"has '{text}' twice");
        }
        Require(Sigmas.Count > 0, "sigmas", "is empty; give at least one noise level");
        foreach (var (k, sigma) in Sigmas.Index())
        {
            Require(sigma is > 0 and <= 1000, "sigmas", $"has {sigma}; a level must be above 0 and at most 1000");
            Require(k == 0 || sigma > Sigmas[k - 1], "sigmas", $"has {sigma} after {Sigmas[Math.Max(0, k - 1)]}; levels must rise");
        }

        void Require(bool condition, string key, string problem) => ValidationPlan.Require(condition, prefix + key, problem);

        static (ValidationDegradation? Entry, string? Problem) Parse(string? text)
        {
            try
            {
                return (ValidationDegradation.Parse(text ?? throw new ConfigurationException("name a family or a degradation")), null);
            }
            catch (ConfigurationException e)
            {
                return (null, e.Message);
            }
        }
    }

    /// <summary>Refuses a value.</summary>
    private protected static void Require(bool condition, string key, string problem)
    {
        if (!condition)
            throw new ConfigurationException($"{key} {problem}");
    }
}
