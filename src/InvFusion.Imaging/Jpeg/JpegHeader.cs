using System.Buffers.Binary;

namespace InvFusion.Imaging.Jpeg;

/// <summary>What stands before the scan of an ordinary JPEG: baseline, 8 bits, grey or Y Cb Cr with whole, half or quarter colour, one scan.</summary>
internal sealed class JpegHeader
{
    private readonly ushort[]?[] _steps = new ushort[4][];
    private readonly JpegHuffmanTable?[] _first = new JpegHuffmanTable[4];
    private readonly JpegHuffmanTable?[] _others = new JpegHuffmanTable[4];
    private bool _jfif;
    private int _adobe = -1;

    private JpegHeader() { }

    public int Width { get; private set; }

    public int Height { get; private set; }

    /// <summary>One or three.</summary>
    public JpegComponent[] Components { get; private set; } = [];

    /// <summary>Units of the scan from restart to restart; 0 for none.</summary>
    public int RestartInterval { get; private set; }

    /// <summary>Where the bits of the scan begin.</summary>
    public int ScanStart { get; private set; }

    /// <summary>Reads the header; null where the file is anything but ordinary, damaged files included.</summary>
    public static JpegHeader? Read(ReadOnlySpan<byte> file)
    {
        var header = new JpegHeader();
        if (!file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8]))
            return null;
        for (var at = 2; at + 4 <= file.Length; )
        {
            var length = BinaryPrimitives.ReadUInt16BigEndian(file[(at + 2)..]);
            if (file[at] != 0xFF || length < 2 || at + 2 + length > file.Length)
                return null;
            var marker = file[at + 1];
            var body = file.Slice(at + 4, length - 2);
            at += 2 + length;
            if (!header.ReadSegment(marker, body))
                return null;
            if (marker == 0xDA)
            {
                header.ScanStart = at;
                return header.IsColourKnown() ? header : null;
            }
        }
        return null;
    }

    private bool ReadSegment(byte marker, ReadOnlySpan<byte> body)
    {
        switch (marker)
        {
            case 0xC0:
                return ReadFrame(body);
            case 0xC4:
                return ReadCodes(body);
            case 0xDA:
                return ReadScan(body);
            case 0xDB:
                return ReadSteps(body);
            case 0xDD when body.Length == 2:
                RestartInterval = BinaryPrimitives.ReadUInt16BigEndian(body);
                return true;
            case 0xE0:
                _jfif |= body.StartsWith("JFIF\0"u8);
                return true;
            case 0xEE:
                if (body.StartsWith("Adobe"u8) && body.Length >= 12)
                    _adobe = body[11];
                return true;
            default:
                return marker is (>= 0xE1 and <= 0xEF) or 0xFE; // application data and comments
        }
    }

    private bool ReadSteps(ReadOnlySpan<byte> body)
    {
        for (; body.Length >= 65; body = body[65..])
        {
            if (body[0] > 3) // 16-bit steps, or a number out of range
                return false;
            var steps = new ushort[64];
            for (var k = 0; k < 64; k++)
                steps[k] = body[1 + k];
            _steps[body[0]] = steps;
        }
        return body.IsEmpty;
    }

    private bool ReadCodes(ReadOnlySpan<byte> body)
    {
        while (body.Length >= 17)
        {
            var total = 0;
            foreach (var count in body.Slice(1, 16))
                total += count;
            if ((body[0] & 0xEC) != 0 || total > 256 || body.Length < 17 + total)
                return false;
            var table = JpegHuffmanTable.Create(body.Slice(1, 16), body.Slice(17, total).ToArray());
            if (table is null)
                return false;
            (body[0] < 16 ? _first : _others)[body[0] & 15] = table;
            body = body[(17 + total)..];
        }
        return body.IsEmpty;
    }

    private bool ReadFrame(ReadOnlySpan<byte> body)
    {
        if (Components.Length > 0 || body.Length < 6 || body[0] != 8 || body[5] is not (1 or 3) || body.Length != 6 + 3 * body[5])
            return false;
        (Height, Width) = (BinaryPrimitives.ReadUInt16BigEndian(body[1..]), BinaryPrimitives.ReadUInt16BigEndian(body[3..]));
        var components = new JpegComponent[body[5]];
        for (var i = 0; i < components.Length; i++)
        {
            var part = body.Slice(6 + 3 * i, 3);
            if (part[2] > 3 || _steps[part[2]] is not { } steps)
                return false;
            // Of a single component there is one block in a unit, whatever the file says.
            var (horizontal, vertical) = components.Length == 1 ? (1, 1) : (part[1] >> 4, part[1] & 15);
            components[i] = new()
            {
                Id = part[0],
                Horizontal = horizontal,
                Vertical = vertical,
                Steps = steps,
            };
        }
        Components = components;
        var luma = components[0];
        return Width > 0
            && Height > 0
            && (luma.Horizontal, luma.Vertical) is (1, 1) or (2, 1) or (2, 2)
            && (luma.Horizontal == 1 || Width > 4) // narrower colours are repeated, not interpolated
            && components.Skip(1).All(c => (c.Horizontal, c.Vertical) == (1, 1));
    }

    private bool ReadScan(ReadOnlySpan<byte> body)
    {
        var count = Components.Length;
        if (
            count == 0
            || body.Length != 4 + 2 * count
            || body[0] != count
            || !body[(1 + 2 * count)..].SequenceEqual((ReadOnlySpan<byte>)[0, 63, 0])
        )
            return false;
        for (var i = 0; i < count; i++)
        {
            var (id, tables) = (body[1 + 2 * i], body[2 + 2 * i]);
            if (id != Components[i].Id || (tables & 0xCC) != 0)
                return false;
            if (_first[tables >> 4] is not { } first || _others[tables & 15] is not { } others)
                return false;
            (Components[i].First, Components[i].Others) = (first, others);
        }
        return true;
    }

    // As libjpeg decides that three components are Y Cb Cr.
    private bool IsColourKnown() =>
        Components.Length == 1 || _jfif || _adobe == 1 || (_adobe < 0 && Components.Select(c => c.Id).SequenceEqual([1, 2, 3]));
}
