using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace InvFusion.Formats.Pickle;

/// <summary>The bytes of a pickle and the place in them; every size is checked against what is left before memory is taken.</summary>
internal sealed class PickleInput(string source, byte[] data)
{
    private const int MaximumIntegerBytes = 1024;
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public int Position { get; private set; }

    public int Length => data.Length;

    public byte Byte() => Take(1)[0];

    public int UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    public double DoubleBigEndian() => BinaryPrimitives.ReadDoubleBigEndian(Take(8));

    public byte[] Bytes(ulong length) => Take(length).ToArray();

    public string Latin1(ulong length) => Encoding.Latin1.GetString(Take(length));

    public string Text(ulong length)
    {
        var bytes = Take(length);
        try
        {
            return Utf8.GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw Error("a text is not UTF-8", e);
        }
    }

    /// <summary>A little-endian integer of any width: a long where it fits, else a BigInteger.</summary>
    public object Integer(ulong length)
    {
        if (length > MaximumIntegerBytes)
            throw Error($"an integer claims {length} bytes");
        var value = new BigInteger(Take(length));
        return value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value; // without the cast, a BigInteger either way
    }

    /// <summary>The text up to the next line feed, without it.</summary>
    public string Line()
    {
        var length = data.AsSpan(Position).IndexOf((byte)'\n');
        if (length < 0)
            throw Error("a line does not end");
        var line = Text((ulong)length);
        Position++;
        return line;
    }

    public DataFormatException Error(string message, Exception? inner = null) =>
        new($"{source}: not a valid pickle: {message} (at byte {Position})", inner);

    private ReadOnlySpan<byte> Take(ulong length)
    {
        if (length > (ulong)(data.Length - Position))
            throw Error($"it is truncated: {length} bytes are wanted, {data.Length - Position} are left");
        var span = data.AsSpan(Position, (int)length);
        Position += (int)length;
        return span;
    }
}
