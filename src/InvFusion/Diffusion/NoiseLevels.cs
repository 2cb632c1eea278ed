using System.Globalization;

namespace InvFusion.Diffusion;

/// <summary>Noise levels given one by one instead of by a formula: what a schedule that is fitted to a model consists of.</summary>
public sealed class NoiseLevels : IEquatable<NoiseLevels>
{
    private readonly double[] _values;

    /// <summary>Takes levels in the order in which a sampler walks down them; the 0 behind the last is implied.</summary>
    /// <param name="values">Finite, positive and falling, in units of the images; at least one.</param>
    /// <exception cref="ConfigurationException">They are not.</exception>
    public NoiseLevels(IEnumerable<double> values)
    {
        _values = [.. values];
        if (
            _values.Length == 0
            || !double.IsFinite(_values[0])
            || !(_values[^1] > 0)
            || _values.Zip(_values.Skip(1)).Any(p => !(p.First > p.Second))
        )
            throw new ConfigurationException($"a schedule of the noise levels {this}: they must be finite, fall, and stay above 0");
    }

    /// <summary>The levels, the highest first.</summary>
    public IReadOnlyList<double> Values => _values;

    /// <summary>The levels of a walk of so many steps: these and then 0.</summary>
    /// <exception cref="ConfigurationException">There is not one level for each step.</exception>
    public double[] ForSteps(int steps) =>
        steps == _values.Length
            ? [.. _values, 0]
            : throw new ConfigurationException(
                $"the schedule has {_values.Length} noise levels for {steps} steps: it must have one for each"
            );

    /// <inheritdoc/>
    public bool Equals(NoiseLevels? other) => other is not null && _values.AsSpan().SequenceEqual(other._values);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as NoiseLevels);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_values.Length, _values[0], _values[^1]);

    /// <summary>The levels with commas between them.</summary>
    public override string ToString() => string.Join(',', _values.Select(v => v.ToString(CultureInfo.InvariantCulture)));
}
