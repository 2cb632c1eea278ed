using System.Numerics;

namespace InvFusion.Runtime;

/// <summary>A deterministic stream of random numbers, the same on every platform (xoshiro256** seeded through SplitMix64).</summary>
/// <remarks>
/// Each sample owns one, derived from its own seed, so that a sample does not change with the batch it travels in. A training step derives its streams from
/// (run seed, purpose, image counter): nothing has to be saved for an exact resume.
/// </remarks>
public sealed class RandomStream
{
    private readonly ulong[] _state = new ulong[4];
    private double? _spare;

    /// <summary>Creates the stream that belongs to a list of keys, for example (seed, purpose, index).</summary>
    public RandomStream(params ReadOnlySpan<ulong> keys)
    {
        var seed = 0x9E3779B97F4A7C15UL;
        foreach (var key in keys)
            seed = Mix(seed ^ Mix(key + 0x9E3779B97F4A7C15UL));
        for (var i = 0; i < 4; i++)
            _state[i] = Mix(seed += 0x9E3779B97F4A7C15UL);
    }

    /// <summary>A seed for another generator (torch's dropout, a nested stream).</summary>
    public long NextSeed() => (long)(NextUInt64() >> 1);

    /// <summary>64 random bits.</summary>
    public ulong NextUInt64()
    {
        var s = _state;
        var result = BitOperations.RotateLeft(s[1] * 5, 7) * 9;
        var t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = BitOperations.RotateLeft(s[3], 45);
        return result;
    }

    /// <summary>Uniform in [0, 1).</summary>
    public double NextUniform() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in [<paramref name="low"/>, <paramref name="high"/>).</summary>
    public double NextUniform(double low, double high) => low + (high - low) * NextUniform();

    /// <summary>Uniform integer in [<paramref name="low"/>, <paramref name="highExclusive"/>).</summary>
    public int NextInt(int low, int highExclusive)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(low, highExclusive);
        return low + (int)((NextUInt64() >> 32) * (ulong)((long)highExclusive - low) >> 32);
    }

    /// <summary>Standard normal (Box-Muller).</summary>
    public double NextNormal()
    {
        if (_spare is { } spare)
        {
            _spare = null;
            return spare;
        }
        var radius = Math.Sqrt(-2 * Math.Log(1 - NextUniform()));
        var (sin, cos) = Math.SinCos(2 * Math.PI * NextUniform());
        _spare = radius * sin;
        return radius * cos;
    }

    /// <summary>Fills a span with standard normals.</summary>
    public void FillNormal(Span<float> values)
    {
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)NextNormal();
    }

    /// <summary>Fills a span with uniforms in [0, 1).</summary>
    public void FillUniform(Span<float> values)
    {
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)NextUniform();
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
