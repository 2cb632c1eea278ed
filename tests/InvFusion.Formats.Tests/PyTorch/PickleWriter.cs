using System.Buffers.Binary;
using System.Text;

namespace InvFusion.Formats.Tests.PyTorch;

/// <summary>A call or an object in a pickle that is being made: class or function, arguments, and what <c>BUILD</c> sets.</summary>
internal sealed record Made(string Module, string Name, object?[] Arguments, object? State = null, bool New = false);

/// <summary>A tensor in a pickle that is being made, as torch writes it.</summary>
internal sealed record Tensor(string Storage, string Key, long Count, long Offset, long[] Shape, long[] Strides)
{
    public static long[] Contiguous(long[] shape) => [.. shape.Select((_, d) => shape.Skip(d + 1).Aggregate(1L, (a, b) => a * b))];
}

/// <summary>Writes pickles of protocol 2, as torch does, from .NET values.</summary>
internal sealed class PickleWriter
{
    private readonly List<byte> _out = [];

    public static byte[] Write(object? value)
    {
        var writer = new PickleWriter();
        writer._out.AddRange([0x80, 2]);
        writer.Put(value);
        writer._out.Add((byte)'.');
        return [.. writer._out];
    }

    private void Put(object? value)
    {
        switch (value)
        {
            case null:
                Op('N');
                break;
            case bool b:
                _out.Add(b ? (byte)0x88 : (byte)0x89);
                break;
            case long n:
                _out.AddRange([0x8a, 8, .. BitConverter.GetBytes(n)]);
                break;
            case double d:
                var bytes = new byte[8];
                BinaryPrimitives.WriteDoubleBigEndian(bytes, d);
                _out.AddRange([(byte)'G', .. bytes]);
                break;
            case string s:
                var text = Encoding.UTF8.GetBytes(s);
                _out.AddRange([(byte)'X', .. BitConverter.GetBytes(text.Length), .. text]);
                break;
            case object?[] tuple:
                PutAll('(', tuple, 't');
                break;
            case List<object?> list:
                Op(']');
                PutAll('(', list, 'e');
                break;
            case Dictionary<string, object?> items:
                Op('}');
                PutAll('(', items.SelectMany(i => new[] { i.Key, i.Value }), 'u');
                break;
            case Made made:
                PutMade(made);
                break;
            case Tensor tensor:
                PutTensor(tensor);
                break;
            default:
                throw new NotSupportedException(value.GetType().Name);
        }
    }

    private void PutMade(Made made)
    {
        PutGlobal(made.Module, made.Name);
        Put(made.Arguments);
        _out.Add(made.New ? (byte)0x81 : (byte)'R');
        if (made.State is null)
            return;
        Put(made.State);
        Op('b');
    }

    private void PutTensor(Tensor t)
    {
        PutGlobal("torch._utils", "_rebuild_tensor_v2");
        Op('(');
        Op('(');
        Put("storage");
        PutGlobal("torch", t.Storage);
        Put(t.Key);
        Put("cpu");
        Put(t.Count);
        Op('t');
        Op('Q');
        Put(t.Offset);
        Put(t.Shape.Cast<object?>().ToArray());
        Put(t.Strides.Cast<object?>().ToArray());
        Put(false);
        Put(new Made("collections", "OrderedDict", []));
        Op('t');
        Op('R');
    }

    private void PutGlobal(string module, string name) => _out.AddRange(Encoding.UTF8.GetBytes($"c{module}\n{name}\n"));

    private void PutAll(char before, IEnumerable<object?> values, char after)
    {
        Op(before);
        foreach (var value in values)
            Put(value);
        Op(after);
    }

    private void Op(char opcode) => _out.Add((byte)opcode);
}
