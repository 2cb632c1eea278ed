using System.Buffers.Binary;

namespace InvFusion.Imaging.Jpeg;

/// <summary>The bits of a scan, without the zero bytes that follow each FF, up to the next marker; behind it come zeros.</summary>
internal ref struct JpegBitReader
{
    private readonly ReadOnlySpan<byte> _data;
    private int _padding; // bits that are not of the file

    public JpegBitReader(ReadOnlySpan<byte> data) => _data = data;

    /// <summary>Bits of the largest number among the coefficients behind the first.</summary>
    public const int LargestCoefficient = 10;

    /// <summary>The bits that were read, the next on top.</summary>
    public ulong Bits { get; set; }

    /// <summary>How many there are.</summary>
    public int Count { get; set; }

    /// <summary>Where the next byte is read.</summary>
    public int Position { get; private set; }

    /// <summary>Whether more bits were taken than the file has.</summary>
    public readonly bool Overrun => Count < _padding;

    /// <summary>Makes sure that 32 bits and more are there.</summary>
    public void Fill()
    {
        if (Count >= 32)
            return;
        if (Position + 8 <= _data.Length)
        {
            var next = BinaryPrimitives.ReadUInt64BigEndian(_data[Position..]);
            // No byte is FF: none of the complement is zero.
            if (((~next - 0x0101010101010101) & next & 0x8080808080808080) == 0)
            {
                // What does not fit wholly is read once more later: the same bits at the same place.
                Bits |= next >> Count;
                var bytes = (64 - Count) >> 3;
                Position += bytes;
                Count += 8 * bytes;
                return;
            }
        }
        FillSlowly();
    }

    /// <summary>Takes bits that were seen.</summary>
    public void Skip(int count)
    {
        Bits <<= count;
        Count -= count;
    }

    /// <summary>The number of a size of 1 to 15 bits that the bits start with, as JPEG writes them: a leading 0 makes it negative.</summary>
    public static int Number(ulong bits, int size)
    {
        var value = (int)(bits >> (64 - size));
        return value < 1 << (size - 1) ? value - (1 << size) + 1 : value;
    }

    /// <summary>Drops the rest of the byte and steps over the marker that is to follow.</summary>
    /// <returns>Whether it does follow, with nothing left before it.</returns>
    public bool TakeMarker(byte marker)
    {
        var whole = !Overrun && Count - _padding < 8;
        (Bits, Count, _padding) = (0, 0, 0);
        if (!whole || Position + 2 > _data.Length || _data[Position] != 0xFF || _data[Position + 1] != marker)
            return false;
        Position += 2;
        return true;
    }

    private void FillSlowly()
    {
        for (; Count <= 56; Count += 8)
        {
            var value = Position < _data.Length ? _data[Position] : (byte)0xFF;
            if (value == 0xFF && (Position + 1 >= _data.Length || _data[Position + 1] != 0))
            {
                _padding += 8; // a marker, or the end
                continue;
            }
            Position += value == 0xFF ? 2 : 1;
            Bits |= (ulong)value << (56 - Count);
        }
    }
}
