using System.Globalization;

namespace InvFusion.Degradations;

/// <summary>The parameters of one degradation in a specification: <c>name:value,value,key=value</c>. Errors name the specification, the key and the range.</summary>
internal sealed class SpecArguments
{
    private readonly string _spec;
    private readonly List<string> _values = [];
    private readonly Dictionary<string, string> _named = [];

    /// <summary>Splits the text behind the name; only the allowed keys count as keys, so that file names may hold = and commas.</summary>
    public SpecArguments(string spec, string text, IReadOnlyList<string> keys)
    {
        _spec = spec;
        foreach (var part in text.Length == 0 ? [] : text.Split(','))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            var key = equals < 0 ? "" : part[..equals].Trim();
            if (!keys.Contains(key))
                _values.Add(part.Trim());
            else if (!_named.TryAdd(key, part[(equals + 1)..].Trim()))
                throw Error($"'{key}' is given twice");
        }
        Keys = keys;
    }

    /// <summary>The keys that this degradation knows.</summary>
    public IReadOnlyList<string> Keys { get; }

    /// <summary>How many values have no key.</summary>
    public int Count => _values.Count;

    public bool Has(string key) => _named.ContainsKey(key);

    /// <summary>The files that were asked for.</summary>
    public List<string> Files { get; } = [];

    /// <summary>All values without a key as one file name.</summary>
    public string File(string what)
    {
        Files.Add(Count > 0 ? string.Join(',', _values) : throw Error($"needs {what} after the colon"));
        return Files[^1];
    }

    /// <summary>Refuses more values without a key than the degradation takes.</summary>
    public void AtMost(int count, string usage)
    {
        if (Count > count)
            throw Error($"does not know '{_values[count]}'; usage: {usage}");
    }

    public int Int(int position, string what, int low, int high) => ParseInt(_values[position], what, low, high);

    public int? Int(string key, int low, int high) => _named.TryGetValue(key, out var text) ? ParseInt(text, key, low, high) : null;

    /// <summary>A number in (low, high], or [low, high] where <paramref name="closed"/>.</summary>
    public double? Number(string key, double low, double high, bool closed = false)
    {
        if (!_named.TryGetValue(key, out var text))
            return null;
        var good = double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value);
        if (!good || !(value <= high) || !(closed ? value >= low : value > low))
            throw Error($"'{key}' is '{text}', needed a number in {(closed ? '[' : '(')}{Invariant(low)}, {Invariant(high)}]");
        return value;
    }

    public ulong? Seed()
    {
        if (!_named.TryGetValue("seed", out var text))
            return null;
        return ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seed)
            ? seed
            : throw Error($"'seed' is '{text}', needed a whole number from 0");
    }

    public string Choice(string key, params IReadOnlyList<string> choices)
    {
        var text = _named.GetValueOrDefault(key, choices[0]);
        return choices.Contains(text) ? text : throw Error($"'{key}' is '{text}', choose from {string.Join(", ", choices)}");
    }

    public ConfigurationException Error(string problem) => new($"degradation '{_spec}': {problem}");

    private int ParseInt(string text, string what, int low, int high) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= low && value <= high
            ? value
            : throw Error($"'{what}' is '{text}', needed a whole number from {low} to {high}");

    private static string Invariant(double value) => value.ToString(CultureInfo.InvariantCulture);
}
