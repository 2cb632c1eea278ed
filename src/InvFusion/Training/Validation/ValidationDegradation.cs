using System.Globalization;
using InvFusion.Degradations;

namespace InvFusion.Training.Validation;

/// <summary>One entry of a validation: a degradation, and the noise of its measurements.</summary>
/// <param name="Degradation">A family or a specification, see <see cref="DegradationFamilies.Create"/>.</param>
/// <param name="SigmaY">σ_y, in units of images in [-1, 1].</param>
public sealed record ValidationDegradation(string Degradation, double SigmaY)
{
    /// <summary>The entry as it is written: <c>box</c>, or <c>box@0.1</c> with noise.</summary>
    public string Text => SigmaY == 0 ? Degradation : string.Create(CultureInfo.InvariantCulture, $"{Degradation}@{SigmaY}");

    /// <summary>
    /// Reads <c>degradation</c> or <c>degradation@σ_y</c>. What follows the last @ is σ_y only where it is a number: file names may hold an @.
    /// </summary>
    /// <exception cref="ConfigurationException">The degradation is unknown or σ_y out of range; the message names the entry.</exception>
    public static ValidationDegradation Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var at = text.LastIndexOf('@');
        var sigma = 0.0;
        var noisy = at >= 0 && double.TryParse(text[(at + 1)..], NumberStyles.Float, CultureInfo.InvariantCulture, out sigma);
        if (noisy && !(sigma >= 0 && sigma < 100))
            throw new ConfigurationException($"degradation '{text}': σ_y behind the @ must be 0 or more, in units of images in [-1, 1]");
        var degradation = noisy ? text[..at] : text;
        _ = DegradationFamilies.Create(degradation);
        return new(degradation, noisy ? sigma : 0);
    }
}
