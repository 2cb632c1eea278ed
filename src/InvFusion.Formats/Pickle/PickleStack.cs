using System.Runtime.InteropServices;

namespace InvFusion.Formats.Pickle;

/// <summary>The stack of a pickle's machine with its marks; what lies below the last mark is out of reach.</summary>
internal sealed class PickleStack(PickleInput input)
{
    private const int MaximumDepth = 1000; // Python's own pickler stops at its recursion limit
    private readonly List<object?> _values = [];
    private readonly List<int> _marks = [];

    private int Floor => _marks.Count > 0 ? _marks[^1] : 0;

    public object? Top => _values.Count > Floor ? _values[^1] : throw Empty();

    public void Push(object? value) => _values.Add(value);

    public void Mark()
    {
        if (_marks.Count == MaximumDepth)
            throw input.Error($"it is nested deeper than {MaximumDepth} levels");
        _marks.Add(_values.Count);
    }

    public object? Pop() => Pop(1)[0];

    /// <summary>The topmost values, the deepest first.</summary>
    public object?[] Pop(int count)
    {
        var start = _values.Count - count;
        if (start < Floor)
            throw Empty();
        var values = CollectionsMarshal.AsSpan(_values)[start..].ToArray();
        _values.RemoveRange(start, count);
        return values;
    }

    /// <summary>All values above the last mark, which goes too.</summary>
    public object?[] PopToMark()
    {
        if (_marks.Count == 0)
            throw Empty();
        var values = Pop(_values.Count - _marks[^1]);
        _marks.RemoveAt(_marks.Count - 1);
        return values;
    }

    /// <summary>Takes away the topmost value, or the mark where that is on top.</summary>
    public void Drop()
    {
        if (_marks.Count > 0 && _marks[^1] == _values.Count)
            PopToMark();
        else
            Pop();
    }

    private DataFormatException Empty() => input.Error("an instruction wants more than the stack holds");
}
