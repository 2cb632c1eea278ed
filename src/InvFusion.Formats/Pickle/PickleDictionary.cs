namespace InvFusion.Formats.Pickle;

/// <summary>A Python dictionary or OrderedDict: its items in order, quick to search by text.</summary>
public sealed class PickleDictionary
{
    private readonly List<KeyValuePair<object?, object?>> _items = [];
    private Dictionary<string, int>? _index; // most of a hostile file's dictionaries stay empty: made when needed

    internal PickleDictionary() { }

    /// <summary>Keys and values in the order they were set.</summary>
    public IReadOnlyList<KeyValuePair<object?, object?>> Items => _items;

    /// <summary>The attributes of the object beside its items, for example a state dict's <c>_metadata</c>; usually null.</summary>
    public object? Attributes { get; internal set; }

    /// <summary>Looks a text key up.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">Its value, or null.</param>
    /// <returns>Whether the key is there.</returns>
    public bool TryGetValue(string key, out object? value)
    {
        var found = _index is not null && _index.TryGetValue(key, out var i);
        value = found ? _items[_index![key]].Value : null;
        return found;
    }

    /// <summary>Sets an item; a text key that is there already gets the new value, as in Python.</summary>
    internal void Set(object? key, object? value)
    {
        var item = KeyValuePair.Create(key, value);
        if (key is string text && !(_index ??= []).TryAdd(text, _items.Count))
            _items[_index[text]] = item;
        else
            _items.Add(item);
    }
}
