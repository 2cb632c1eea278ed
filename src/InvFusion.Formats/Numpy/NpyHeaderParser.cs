using static InvFusion.Formats.IO.FormatErrors;

namespace InvFusion.Formats.Numpy;

/// <summary>Reads the one Python dictionary that numpy writes: three keys, each once.</summary>
internal ref struct NpyHeaderParser
{
    private readonly string _source;
    private readonly ReadOnlySpan<char> _text;
    private int _position;

    private NpyHeaderParser(string source, ReadOnlySpan<char> text)
    {
        _source = source;
        _text = text;
    }

    public static NpyHeader Parse(string source, string text)
    {
        var parser = new NpyHeaderParser(source, text.AsSpan().TrimEnd(" \n\0"));
        return parser.Dictionary();
    }

    private NpyHeader Dictionary()
    {
        string? descr = null;
        bool? fortranOrder = null;
        long[]? shape = null;
        Require('{');
        while (!Take('}'))
        {
            var key = String();
            Require(':');
            if (key == "descr" && descr is null)
                descr = Type();
            else if (key == "fortran_order" && fortranOrder is null)
                fortranOrder = Boolean();
            else if (key == "shape" && shape is null)
                shape = Tuple();
            else
                throw Error($"an unknown or repeated key {Quote(key)}");
            if (!Take(','))
            {
                Require('}');
                break;
            }
        }
        if (_position != _text.Length || descr is null || fortranOrder is null || shape is null)
            throw Error("descr, fortran_order or shape is missing, or something follows them");
        var (type, bigEndian) = NpyHeader.ParseType(_source, descr);
        return new NpyHeader(type, bigEndian, fortranOrder.Value, shape);
    }

    private string Type() =>
        Take('[') ? throw new DataFormatException($"{_source}: is a structured array; save its fields one by one") : String();

    private string String()
    {
        var quote = Take('"') ? '"' : '\'';
        if (quote == '\'')
            Require('\'');
        var length = _text[_position..].IndexOf(quote);
        if (length < 0)
            throw Error("a string does not end");
        var value = _text.Slice(_position, length).ToString();
        _position += length + 1;
        return value;
    }

    private bool Boolean()
    {
        SkipSpace();
        foreach (var value in (ReadOnlySpan<bool>)[false, true])
            if (_text[_position..].StartsWith(value.ToString()))
            {
                _position += value.ToString().Length;
                return value;
            }
        throw Error("fortran_order is neither True nor False");
    }

    private long[] Tuple()
    {
        var values = new List<long>();
        Require('(');
        while (!Take(')'))
        {
            if (values.Count == ElementTypes.MaximumRank)
                throw Error($"it has more than {ElementTypes.MaximumRank} dimensions");
            values.Add(Integer());
            if (!Take(','))
            {
                Require(')');
                break;
            }
        }
        return [.. values];
    }

    private long Integer()
    {
        SkipSpace();
        var start = _position;
        while (_position < _text.Length && char.IsAsciiDigit(_text[_position]))
            _position++;
        if (!long.TryParse(_text[start.._position], out var value))
            throw Error("the shape holds something that is no length");
        if (_position < _text.Length && _text[_position] == 'L') // Python 2 wrote long integers so
            _position++;
        return value;
    }

    private void SkipSpace()
    {
        while (_position < _text.Length && _text[_position] is ' ' or '\n')
            _position++;
    }

    private bool Take(char c)
    {
        SkipSpace();
        if (_position >= _text.Length || _text[_position] != c)
            return false;
        _position++;
        return true;
    }

    private void Require(char c)
    {
        if (!Take(c))
            throw Error($"expected {c} at {_position}");
    }

    private readonly DataFormatException Error(string message) => new($"{_source}: not a valid .npy header: {message}");
}
