using static InvFusion.Formats.Pickle.PickleOpcode;

namespace InvFusion.Formats.Pickle;

/// <summary>
/// Runs the stack machine of a pickle over data only. Python's values become: None null, bool, int long (or BigInteger), float double,
/// str string, bytes byte[], tuple object?[], list List, dict and OrderedDict <see cref="PickleDictionary"/>, a class or function
/// <see cref="PickleGlobal"/>; what the host knows becomes what the host says, and every other object a <see cref="PickleObject"/>.
/// No instruction copies what is already built (but for a bounded number of pairs), so memory stays proportional to the pickle's length, however it refers to itself.
/// </summary>
internal sealed class PickleReader
{
    private const int NewestProtocol = 5;
    private const int MaximumLength = 64 << 20;
    private static readonly object Unknown = new();
    private static readonly PickleGlobal Set = new("builtins", "set");
    private static readonly PickleGlobal Frozen = new("builtins", "frozenset");

    private readonly PickleInput _input;
    private readonly PickleHost _host;
    private readonly PickleStack _stack;
    private readonly Dictionary<uint, object?> _memo = [];
    private long _pairs;

    private PickleReader(PickleInput input, PickleHost host) => (_input, _host, _stack) = (input, host, new PickleStack(input));

    /// <summary>Reads the one object that a pickle holds; what follows it is left alone, as in Python.</summary>
    /// <param name="source">What to call the pickle in messages.</param>
    /// <param name="data">The pickle.</param>
    /// <param name="host">Knows some of the objects.</param>
    /// <exception cref="DataFormatException">The pickle is truncated, damaged, too large, or uses instructions that torch does not write.</exception>
    public static object? Read(string source, byte[] data, PickleHost host)
    {
        var input = new PickleInput(source, data);
        if (data.Length > MaximumLength)
            throw input.Error($"it has {data.Length} bytes; at most {MaximumLength} are read");
        return new PickleReader(input, host).Run();
    }

    /// <summary>Reads the next of several pickles that follow each other, and leaves the input behind it.</summary>
    public static object? ReadNext(PickleInput input, PickleHost host) => new PickleReader(input, host).Run();

    private object? Run()
    {
        while (true)
        {
            var opcode = (PickleOpcode)_input.Byte();
            if (opcode == Stop)
                return _stack.Pop();
            if (Act(opcode))
                continue;
            var value = Value(opcode);
            if (ReferenceEquals(value, Unknown))
                throw _input.Error($"instruction 0x{(byte)opcode:x2} is unknown or not of protocols 2 to {NewestProtocol}");
            _stack.Push(value);
        }
    }

    /// <summary>Runs an instruction that pushes nothing.</summary>
    /// <returns>Whether it was one.</returns>
    private bool Act(PickleOpcode opcode)
    {
        Action? act = opcode switch
        {
            Mark => _stack.Mark,
            Pop => _stack.Drop,
            PopMark => () => _stack.PopToMark(),
            BinPut => () => _memo[_input.Byte()] = _stack.Top,
            LongBinPut => () => _memo[_input.UInt32()] = _stack.Top,
            Memoize => () => _memo[(uint)_memo.Count] = _stack.Top,
            Append => () => AppendItems(_stack.Pop(1)),
            Appends or AddItems => () => AppendItems(_stack.PopToMark()),
            SetItem => () => AddPairs(_stack.Pop(2)),
            SetItems => () => AddPairs(_stack.PopToMark()),
            Build => () => SetState(_stack.Pop()),
            Proto => () => CheckProtocol(_input.Byte()),
            Frame => () => _input.UInt64(), // a hint for readers from streams
            _ => null,
        };
        act?.Invoke();
        return act is not null;
    }

    /// <summary>The plain value that an instruction pushes.</summary>
    private object? Value(PickleOpcode opcode) =>
        opcode switch
        {
            None => null,
            NewTrue => true,
            NewFalse => false,
            BinInt => (long)_input.Int32(),
            BinInt1 => (long)_input.Byte(),
            BinInt2 => (long)_input.UInt16(),
            Long1 => _input.Integer(_input.Byte()),
            Long4 => _input.Integer(_input.UInt32()),
            BinFloat => _input.DoubleBigEndian(),
            ShortBinUnicode => _input.Text(_input.Byte()),
            BinUnicode => _input.Text(_input.UInt32()),
            BinUnicode8 => _input.Text(_input.UInt64()),
            ShortBinString => _input.Latin1(_input.Byte()),
            BinString => _input.Latin1(_input.UInt32()),
            ShortBinBytes => _input.Bytes(_input.Byte()),
            BinBytes => _input.Bytes(_input.UInt32()),
            BinBytes8 or ByteArray8 => _input.Bytes(_input.UInt64()),
            _ => Made(opcode),
        };

    /// <summary>The container or object that an instruction makes of what lies on the stack, or <see cref="Unknown"/>.</summary>
    private object? Made(PickleOpcode opcode) =>
        opcode switch
        {
            Dup => _stack.Top,
            BinGet => Recall(_input.Byte()),
            LongBinGet => Recall(_input.UInt32()),
            EmptyTuple => Array.Empty<object?>(),
            PickleOpcode.Tuple => _stack.PopToMark(),
            Tuple1 => _stack.Pop(1),
            Tuple2 => _stack.Pop(2),
            Tuple3 => _stack.Pop(3),
            EmptyList => new List<object?>(),
            PickleOpcode.List => new List<object?>(_stack.PopToMark()),
            EmptyDict => new PickleDictionary(),
            Dict => AddPairs(new PickleDictionary(), _stack.PopToMark()),
            EmptySet => new PickleObject(Set, []),
            FrozenSet => new PickleObject(Frozen, [_stack.PopToMark()]),
            Global => new PickleGlobal(_input.Line(), _input.Line()),
            StackGlobal => _stack.Pop(2) is [string module, string name] ? new PickleGlobal(module, name) : throw Unfit("a global"),
            BinPersId => _host.LoadPersistent(_stack.Pop()),
            Reduce => Call(_stack.Pop(2), byHost: true),
            NewObj => Call(_stack.Pop(2), byHost: false),
            NewObjEx => Call(_stack.Pop(3)[..2], byHost: false), // keyword arguments say nothing to us
            _ => Unknown,
        };

    private object Call(object?[] functionAndArguments, bool byHost)
    {
        if (functionAndArguments[1] is not object?[] arguments)
            throw Unfit("a call's arguments");
        var function = functionAndArguments[0] switch
        {
            PickleGlobal global => global,
            PickleObject made => made.Class, // a function that would have been made by a call
            _ => throw Unfit("a call"),
        };
        if (function is { Module: "collections", Name: "OrderedDict" } && Ordered(arguments) is { } ordered)
            return ordered;
        return (byHost ? _host.Call(function, arguments) : null) ?? new PickleObject(function, arguments);
    }

    // An OrderedDict: empty, or from Python 2 made of a list of pairs.
    private PickleDictionary? Ordered(object?[] arguments)
    {
        if (arguments is [])
            return new PickleDictionary();
        if (arguments is not [List<object?> pairs])
            return null;
        // The one instruction that copies: a pair takes more than a byte of the pickle, unless a list is used over and over.
        if ((_pairs += pairs.Count) > _input.Length)
            throw _input.Error("it makes dictionaries without end");
        var dictionary = new PickleDictionary();
        foreach (var pair in pairs)
            if (pair is List<object?> { Count: 2 } list)
                dictionary.Set(list[0], list[1]);
            else if (pair is object?[] { Length: 2 } tuple)
                dictionary.Set(tuple[0], tuple[1]);
            else
                return null;
        return dictionary;
    }

    private void SetState(object? state)
    {
        var target = _stack.Top;
        if (target is PickleObject made)
            made.State = state;
        else if (target is PickleDictionary dictionary)
            dictionary.Attributes = state;
        else if (target is null or string or object?[] or List<object?>)
            throw Unfit("the state of an object"); // attributes of a tensor, on the other hand, are none of our business
    }

    private void AppendItems(object?[] items)
    {
        var target = _stack.Top;
        if (target is List<object?> list)
            list.AddRange(items);
        else if (target is PickleObject made)
            Array.ForEach(items, made.Append);
        else
            throw Unfit("appending");
    }

    private void AddPairs(object?[] items) => AddPairs(_stack.Top, items);

    private object AddPairs(object? target, object?[] items)
    {
        if (target is not (PickleDictionary or PickleObject) || items.Length % 2 != 0)
            throw Unfit("setting items");
        for (var i = 0; i < items.Length; i += 2)
            if (target is PickleDictionary dictionary)
                dictionary.Set(items[i], items[i + 1]);
            else
                ((PickleObject)target).Set(items[i], items[i + 1]);
        return target;
    }

    private object? Recall(uint index) => _memo.TryGetValue(index, out var value) ? value : throw _input.Error($"memo {index} is not set");

    private void CheckProtocol(byte version)
    {
        if (version > NewestProtocol)
            throw _input.Error($"protocol {version} is newer than {NewestProtocol}");
    }

    private DataFormatException Unfit(string what) => _input.Error($"{what} does not fit its instruction");
}
