using System.Globalization;

namespace InvFusion.Diffusion;

/// <summary>A range of noise levels, both ends included.</summary>
/// <param name="Low">Lowest σ.</param>
/// <param name="High">Highest σ.</param>
public readonly record struct SigmaInterval(double Low, double High)
{
    /// <summary>Reads <c>LOW,HIGH</c>.</summary>
    /// <param name="text">The text.</param>
    /// <param name="source">Named in the message: the option.</param>
    /// <exception cref="ConfigurationException">It is no interval.</exception>
    public static SigmaInterval Parse(string text, string source)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Split(',');
        return
            parts.Length == 2
            && double.TryParse(parts[0], NumberStyles.Float, CultureInfo.InvariantCulture, out var low)
            && double.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out var high)
            && low >= 0
            && high >= low
            ? new(low, high)
            : throw new ConfigurationException(
                $"{source} {text}: must be two noise levels LOW,HIGH with 0 ≤ LOW ≤ HIGH, for example 0.2,5"
            );
    }
}
