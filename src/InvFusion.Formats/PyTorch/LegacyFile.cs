using System.Buffers.Binary;
using System.Numerics;
using InvFusion.Formats.Pickle;
using static InvFusion.Formats.IO.FormatErrors;

namespace InvFusion.Formats.PyTorch;

/// <summary>
/// What <c>torch.save</c> wrote before PyTorch 1.6, as most published weights of that time are: five pickles (a magic number, a version, the machine, the saved object,
/// the keys of its storages), then for each key the number of its elements and the elements.
/// </summary>
internal sealed class LegacyFile(string path, FileStream stream) : PyTorchContainer(path)
{
    private const int Version = 1001;
    private const int HeadBytes = 64 << 20; // the pickles lie within them
    private static readonly BigInteger Magic = new([0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19], isUnsigned: true);

    private readonly Lock _lock = new(); // the stream has one position
    private readonly Dictionary<string, (ElementType Type, long Count)> _expected = [];
    private readonly Dictionary<string, long> _starts = [];
    private bool _disposed;

    public override object? ReadRoot() =>
        Translate(
            Path,
            () =>
            {
                var head = new byte[Math.Min(stream.Length, HeadBytes)];
                stream.ReadExactly(head);
                var input = new PickleInput(Path, head);
                var plain = new DataHost(Path);
                if (PickleReader.ReadNext(input, plain) is not BigInteger magic || magic != Magic)
                    throw Error("is not a PyTorch checkpoint");
                if (PickleReader.ReadNext(input, plain) is not (long)Version)
                    throw Error("is of a version of PyTorch's old format that is not known; save it again");
                var machine = PickleReader.ReadNext(input, plain) as PickleDictionary;
                if (machine is not null && machine.TryGetValue("little_endian", out var little) && little is false)
                    throw Error("was saved on a big-endian machine; save it again on a little-endian one");
                var root = PickleReader.ReadNext(input, new PyTorchHost(this));
                if (PickleReader.ReadNext(input, plain) is not List<object?> keys)
                    throw Error("lacks the list of its storages; it is damaged");
                FindStorages(keys, input.Position);
                return root;
            }
        );

    public override void CheckStorage(string key, ElementType type, long count)
    {
        if (!type.TryByteLength([count], out _) || !_expected.TryAdd(key, (type, count)) && _expected[key] != (type, count))
            throw Error($"uses the storage {Quote(key)} in ways that contradict each other");
    }

    public override byte[] ReadStorage(string key, long start, int length) =>
        Translate(
            Path,
            () =>
            {
                lock (_lock)
                {
                    ObjectDisposedException.ThrowIf(_disposed, this);
                    stream.Position = _starts[key] + start;
                    var bytes = new byte[length];
                    stream.ReadExactly(bytes);
                    return bytes;
                }
            }
        );

    public override void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            stream.Dispose();
        }
    }

    private void FindStorages(List<object?> keys, long position)
    {
        var number = new byte[sizeof(long)];
        foreach (var entry in keys)
        {
            if (entry is not string key || !_expected.TryGetValue(key, out var expected) || !_starts.TryAdd(key, position + number.Length))
                throw Error("lists storages that nothing in it uses; it is damaged");
            stream.Position = position;
            stream.ReadExactly(number);
            if (BinaryPrimitives.ReadInt64LittleEndian(number) != expected.Count)
                throw Error($"storage {Quote(key)} does not have the {expected.Count} elements that are used of it");
            _ = expected.Type.TryByteLength([expected.Count], out var bytes);
            position += number.Length + bytes;
            if (position > stream.Length)
                throw Error($"is truncated in the storage {Quote(key)}");
        }
        if (_expected.Keys.FirstOrDefault(key => !_starts.ContainsKey(key)) is { } missing)
            throw Error($"lacks the storage {Quote(missing)}; it is truncated or damaged");
    }
}
