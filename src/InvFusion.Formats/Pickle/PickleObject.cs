namespace InvFusion.Formats.Pickle;

/// <summary>
/// An object of a Python class that this library does not know, kept as the data it would have been made from.
/// Nothing of the class is executed.
/// </summary>
public sealed class PickleObject
{
    private List<object?>? _items;

    internal PickleObject(PickleGlobal type, object?[] arguments) => (Class, Arguments) = (type, arguments);

    /// <summary>The class, or the function that would have made the object.</summary>
    public PickleGlobal Class { get; }

    /// <summary>What would have been passed to it.</summary>
    public IReadOnlyList<object?> Arguments { get; }

    /// <summary>The attributes that would have been set, usually a <see cref="PickleDictionary"/>; null where there are none.</summary>
    public object? State { get; internal set; }

    /// <summary>What would have been appended: the elements of a list or a set.</summary>
    public IReadOnlyList<object?> Items => _items ?? (IReadOnlyList<object?>)[];

    /// <summary>What would have been set by key, for classes made from dictionaries; null where there is nothing.</summary>
    public PickleDictionary? Entries { get; private set; }

    /// <summary>The name of the class.</summary>
    public override string ToString() => $"object of {Class}";

    internal void Append(object? item) => (_items ??= []).Add(item);

    internal void Set(object? key, object? value) => (Entries ??= new PickleDictionary()).Set(key, value);
}
