namespace InvFusion.Imaging.Jpeg;

/// <summary>A table of Huffman codes (ITU-T T.81, annex C and F.2.2.3).</summary>
internal sealed class JpegHuffmanTable
{
    private const int LookBits = 11; // codes of up to so many bits are found at once

    private readonly ushort[] _look = new ushort[1 << LookBits]; // length of the code in the upper byte, symbol in the lower; 0 for longer codes
    private readonly int[] _quick = new int[1 << LookBits]; // what Coefficient gives; 0 for longer ones
    private readonly int[] _largest = new int[17]; // of the codes of each length, -1 for none
    private readonly int[] _offset = new int[17]; // from code to place in _symbols
    private readonly byte[] _symbols;

    private JpegHuffmanTable(byte[] symbols) => _symbols = symbols;

    /// <summary>Builds the table; null where the numbers are no code.</summary>
    /// <param name="counts">Number of codes of 1 to 16 bits.</param>
    /// <param name="symbols">Their symbols in order.</param>
    public static JpegHuffmanTable? Create(ReadOnlySpan<byte> counts, byte[] symbols)
    {
        var table = new JpegHuffmanTable(symbols);
        var (code, index) = (0, 0);
        for (var length = 1; length <= 16; length++, code <<= 1)
        {
            if (code + counts[length - 1] > 1 << length)
                return null;
            table._offset[length] = index - code;
            for (var k = 0; k < counts[length - 1]; k++, code++, index++)
                if (length <= LookBits)
                    table
                        ._look.AsSpan()
                        .Slice(code << (LookBits - length), 1 << (LookBits - length))
                        .Fill((ushort)(length << 8 | symbols[index]));
            table._largest[length] = counts[length - 1] > 0 ? code - 1 : -1;
        }
        table.FillQuick();
        return table;
    }

    /// <summary>The whole coefficient that the bits start with: value from bit 16 on, zeros before it from bit 8 on, bits of code and number below; 0 where these do not hold it.</summary>
    public int Quick(int bits) => _quick[bits];

    /// <summary>The next symbol: length of its code from bit 8 on, symbol below; 0 where there is none.</summary>
    /// <param name="bits">The bits, the next on top.</param>
    public int Symbol(ulong bits)
    {
        var entry = (int)_look[bits >> (64 - LookBits)];
        if (entry != 0)
            return entry;
        var code16 = (int)(bits >> 48);
        for (var length = LookBits + 1; length <= 16; length++)
            if (code16 >> (16 - length) is var code && code <= _largest[length])
                return length << 8 | _symbols[code + _offset[length]];
        return 0;
    }

    /// <summary>The next coefficient: its value from bit 16 on (0 for an end or for zeros alone), zeros before it from bit 8 on, bits of code and number below; 0 where there is none.</summary>
    /// <param name="bits">The bits, the next on top.</param>
    public int Coefficient(ulong bits)
    {
        var quick = _quick[bits >> (64 - LookBits)];
        return quick != 0 ? quick : Join(Symbol(bits), bits);
    }

    // Adds the number that follows a symbol.
    private static int Join(int entry, ulong bits)
    {
        var (length, symbol) = (entry >> 8, entry & 255);
        var size = symbol & 15;
        if (size > JpegBitReader.LargestCoefficient)
            return 0;
        var value = size == 0 ? 0 : JpegBitReader.Number(bits << length, size);
        return value << 16 | symbol >> 4 << 8 | (length + size);
    }

    // The coefficients whose code and number fit into the bits that are looked at.
    private void FillQuick()
    {
        for (var bits = 0; bits < _quick.Length; bits++)
        {
            int entry = _look[bits];
            if (entry != 0 && (entry >> 8) + (entry & 15) <= LookBits)
                _quick[bits] = Join(entry, (ulong)bits << (64 - LookBits));
        }
    }
}
