using System.Globalization;

namespace InvFusion.Training.Validation;

/// <summary>A line of <c>stats.jsonl</c> of its own: what a validation of the averaged weights measured.</summary>
public sealed record ValidationStatus
{
    /// <summary>Images seen in training.</summary>
    public required long Images { get; init; }

    /// <summary>The mean of the degradations' losses.</summary>
    public required double ValidationLoss { get; init; }

    /// <summary>Images that were measured.</summary>
    public required int Number { get; init; }

    /// <summary>The noise levels.</summary>
    public required IReadOnlyList<double> Sigmas { get; init; }

    /// <summary>What was measured under each degradation, by its text.</summary>
    public required IReadOnlyDictionary<string, Entry> Degradations { get; init; }

    /// <summary>The means of what was measured.</summary>
    public static ValidationStatus Of(long images, ValidationValues values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return new()
        {
            Images = images,
            ValidationLoss = values.Totals().Average(),
            Number = values.Images,
            Sigmas = values.Sigmas,
            Degradations = values.Degradations.Index().ToDictionary(d => d.Item.Text, d => EntryOf(d.Index)),
        };

        Entry EntryOf(int d) =>
            new(values.Losses(d).Average(), [.. Enumerable.Range(0, values.Sigmas.Count).Select(k => values.MeanError(d, k))]);
    }

    /// <summary>The line that a run prints.</summary>
    public string Line() =>
        string.Create(CultureInfo.InvariantCulture, $"{Images} images, validation loss {ValidationLoss:F4} of {Number} images (")
        + string.Join(", ", Degradations.Select(d => string.Create(CultureInfo.InvariantCulture, $"{d.Key} {d.Value.Loss:F4}")))
        + ")";

    /// <summary>The means under one degradation.</summary>
    /// <param name="Loss">Of <see cref="ValidationValues.Losses"/>.</param>
    /// <param name="Mse">Of the squared errors at each of <see cref="Sigmas"/>, in units of images².</param>
    public sealed record Entry(double Loss, IReadOnlyList<double> Mse);
}
