using System.Buffers.Binary;

namespace InvFusion.Imaging;

/// <summary>The scans of a JPEG, found by its markers without decoding.</summary>
internal static class JpegScans
{
    /// <summary>The most scans that are decoded; a progressive photograph has about ten, and each costs a pass over the whole picture.</summary>
    private const int MostScans = 100;

    private const byte StartOfImage = 0xD8;
    private const byte EndOfImage = 0xD9;
    private const byte StartOfScan = 0xDA;

    /// <summary>Where the only scan of a sequential picture ends, at the marker of the picture's end; 0 where the picture is of another kind or has no end.</summary>
    /// <exception cref="DataFormatException">There are more scans than any picture needs.</exception>
    public static int EndOfOnlyScan(ReadOnlySpan<byte> content, string name)
    {
        var (scans, at, components) = (0, 2, 0);
        var whole = false; // the latest scan holds every component of a sequential picture
        while (NextMarker(content, at) is var marker && marker > 0)
        {
            var code = content[marker];
            if (code == EndOfImage)
                return scans == 1 && whole ? marker - 1 : 0;
            at = marker + 1;
            if (code is StartOfImage or 0x01 or (>= 0xD0 and <= 0xD7)) // without content
                continue;
            if (content.Length - at < 3)
                return 0;
            if (code is 0xC0 or 0xC1 && content.Length - at > 7)
                components = content[at + 7];
            else if (code == StartOfScan)
            {
                whole = components > 0 && content[at + 2] == components;
                if (++scans > MostScans)
                    throw new DataFormatException($"{name}: has more than {MostScans} scans, which no photograph needs; save it anew");
            }
            at += BinaryPrimitives.ReadUInt16BigEndian(content[at..]);
        }
        return 0;
    }

    // Behind a scan's header its data follow, in which FF is a marker unless 00 or a restart marker's code is behind it.
    private static int NextMarker(ReadOnlySpan<byte> content, int at)
    {
        while (at < content.Length)
        {
            var next = content[at..].IndexOf((byte)0xFF);
            if (next < 0)
                return 0;
            at += next + 1;
            while (at < content.Length && content[at] == 0xFF)
                at++;
            if (at < content.Length && content[at] is not (0 or (>= 0xD0 and <= 0xD7)))
                return at;
        }
        return 0;
    }
}
