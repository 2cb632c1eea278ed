using InvFusion.Formats.Pickle;
using static InvFusion.Formats.IO.FormatErrors;

namespace InvFusion.Formats.PyTorch;

/// <summary>Finds the named tensors in what a checkpoint holds: a state dict, or a whole pickled module.</summary>
internal sealed class StateDictReader
{
    // A pickle may name one module in many places, so a small file can describe an endless tree; no network has these sizes.
    private const int MaximumDepth = 64;
    private const int MaximumParts = 1_000_000;
    private const long MaximumNameCharacters = 4 << 20;

    private const string AverageCount = "n_averaged";

    private readonly PyTorchContainer _archive;
    private readonly string _what;
    private readonly Dictionary<string, PyTorchTensor> _tensors = [];
    private int _parts;
    private long _characters;

    private StateDictReader(PyTorchContainer archive, string what) => (_archive, _what) = (archive, what);

    public static Dictionary<string, PyTorchTensor> Read(PyTorchContainer archive, string what, object? value) =>
        WithoutWrappers(archive, what, ReadAll(archive, what, value));

    // What wraps a network in training puts its own name before those of the tensors: DistributedDataParallel and AveragedModel "module.", torch.compile "_orig_mod.", also
    // of a part of a network; AveragedModel counts beside them.
    private static Dictionary<string, PyTorchTensor> WithoutWrappers(
        PyTorchContainer archive,
        string what,
        Dictionary<string, PyTorchTensor> tensors
    )
    {
        const string Compiled = "_orig_mod.";
        string[] wrappers = ["module.", Compiled];
        if (tensors.Keys.All(name => name == AverageCount || name.StartsWith(wrappers[0], StringComparison.Ordinal)))
            tensors.Remove(AverageCount);
        while (
            tensors.Count > 0 && Array.Find(wrappers, w => tensors.Keys.All(k => k.StartsWith(w, StringComparison.Ordinal))) is { } wrapper
        )
            tensors = tensors.ToDictionary(t => t.Key[wrapper.Length..], t => t.Value);
        if (!tensors.Keys.Any(name => name.Contains("." + Compiled, StringComparison.Ordinal)))
            return tensors;
        var plain = new Dictionary<string, PyTorchTensor>();
        foreach (var (name, tensor) in tensors)
            if (!plain.TryAdd(name.Replace("." + Compiled, ".", StringComparison.Ordinal), tensor))
                throw archive.Error($"{what}: holds {Quote(name)} with and without '{Compiled}'");
        return plain;
    }

    private static Dictionary<string, PyTorchTensor> ReadAll(PyTorchContainer archive, string what, object? value)
    {
        var reader = new StateDictReader(archive, what);
        if (IsScript(value))
        {
            reader.AddScript("", (PickleObject)value!, 0);
            return reader._tensors;
        }
        var dictionary = DictionaryOf(value) ?? throw archive.Error($"{what} is {Describe(value)}, neither a state dict nor a module");
        if (IsModule(dictionary))
            reader.AddModule("", dictionary, 0);
        else
            reader.AddAll(dictionary);
        return reader._tensors;
    }

    /// <summary>The dictionary that an object is, or that holds its attributes; null where there is none.</summary>
    public static PickleDictionary? DictionaryOf(object? value) =>
        value switch
        {
            PickleDictionary dictionary => dictionary,
            PickleObject { State: PickleDictionary state } => state,
            PickleObject { Entries: { } entries } => entries,
            // Modules that carry their own source code (EDM's "persistence") are rebuilt from one dictionary.
            PickleObject { Arguments: [PickleDictionary meta, ..] } when meta.TryGetValue("state", out var s) => s as PickleDictionary,
            _ => null,
        };

    // A module of TorchScript: its class is one of the archive's own, its attributes are tensors, numbers and other modules.
    private static bool IsScript(object? value) =>
        value is PickleObject { State: PickleDictionary } o && o.Class.Module.StartsWith("__torch__", StringComparison.Ordinal);

    private void AddScript(string prefix, PickleObject module, int depth)
    {
        if (depth == MaximumDepth)
            throw _archive.Error($"{_what} holds modules nested without end");
        var attributes = ((PickleDictionary)module.State!).Items;
        Count(attributes);
        foreach (var (key, value) in attributes)
            if (value is PyTorchTensor tensor)
                _tensors[Name(prefix, key)] = tensor;
            else if (IsScript(value))
                AddScript($"{Name(prefix, key)}.", (PickleObject)value!, depth + 1);
    }

    // Before PyTorch 0.4 a parameter was an object around its tensor.
    private static PyTorchTensor? TensorOf(object? value) =>
        value as PyTorchTensor
        ?? (
            value is PickleObject { Class: { Module: "torch.nn.parameter" or "torch.autograd.variable" } } wrapped
                ? wrapped.Arguments.Concat(wrapped.State as object?[] ?? []).OfType<PyTorchTensor>().FirstOrDefault()
                : null
        );

    private static bool IsModule(PickleDictionary d) => d.TryGetValue("_parameters", out _) && d.TryGetValue("_modules", out _);

    private void AddAll(PickleDictionary dictionary)
    {
        foreach (var (key, value) in dictionary.Items)
        {
            if (key is not string name)
                throw _archive.Error($"{_what} is no state dict: it has a key that is not text");
            _tensors[name] =
                TensorOf(value)
                ?? throw _archive.Error($"{_what} is no state dict: {Quote(name)} is {Describe(value)}, not a tensor of a supported type");
        }
    }

    private void AddModule(string prefix, PickleDictionary module, int depth)
    {
        if (depth == MaximumDepth)
            throw _archive.Error($"{_what} holds modules nested without end");
        Add(prefix, Items(module, "_parameters"), []);
        Add(prefix, Items(module, "_buffers"), NonPersistent(module));
        foreach (var (key, value) in Items(module, "_modules"))
            if (value is not null)
                AddModule($"{Name(prefix, key)}.", DictionaryOf(value) ?? throw Unfit(prefix, value), depth + 1);
    }

    private void Add(string prefix, IReadOnlyList<KeyValuePair<object?, object?>> items, HashSet<string> except)
    {
        foreach (var (key, value) in items)
            if (value is not null && !except.Contains(key as string ?? "")) // an absent bias is None
                _tensors[Name(prefix, key)] = TensorOf(value) ?? throw Unfit(prefix, value);
    }

    private string Name(string prefix, object? key)
    {
        var name = key is string text ? prefix + text : throw _archive.Error($"{_what}: a module has a part without a name");
        _characters += name.Length;
        return _characters <= MaximumNameCharacters ? name : throw _archive.Error($"{_what} holds names without end");
    }

    private IReadOnlyList<KeyValuePair<object?, object?>> Items(PickleDictionary module, string key)
    {
        var items = module.TryGetValue(key, out var value) ? DictionaryOf(value)?.Items ?? [] : [];
        Count(items);
        return items;
    }

    private void Count<T>(IReadOnlyList<T> parts)
    {
        if ((_parts += parts.Count) > MaximumParts)
            throw _archive.Error($"{_what} holds more than {MaximumParts} parts");
    }

    /// <summary>The buffers that <c>state_dict()</c> leaves out; a set, either filled after it was made or made from a list.</summary>
    private HashSet<string> NonPersistent(PickleDictionary module)
    {
        if (!module.TryGetValue("_non_persistent_buffers_set", out var value) || value is not PickleObject set)
            return [];
        var names = set.Arguments is [List<object?> list] ? list : set.Items;
        Count(names);
        return [.. names.OfType<string>()];
    }

    private DataFormatException Unfit(string prefix, object? value) =>
        _archive.Error($"{_what}: under {Quote(prefix)} is {Describe(value)}, not a tensor of a supported type or a module");

    private static string Describe(object? value) =>
        value switch
        {
            null => "None",
            PickleObject o => Quote(o.Class.ToString()),
            PyTorchTensor => "a tensor",
            PickleDictionary => "a dictionary",
            string => "text",
            object?[] => "a tuple",
            List<object?> => "a list",
            _ => $"the value {Quote($"{value}")}",
        };
}
