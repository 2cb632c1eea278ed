namespace InvFusion.Imaging;

/// <summary>Transparent pixels of a GIF: Skia makes them black, where the other formats keep the colour below.</summary>
internal static class GifTransparency
{
    private const int ScreenBytes = 13; // signature and logical screen
    private const byte Extension = 0x21;
    private const byte GraphicControl = 0xF9;

    /// <summary>Where the byte is whose lowest bit says that the first picture has a transparent colour; 0 where it has none.</summary>
    public static int FlagOfFirst(ReadOnlySpan<byte> content)
    {
        if (content.Length < ScreenBytes || !content.StartsWith("GIF8"u8))
            return 0;
        var at = ScreenBytes + ((content[10] & 0x80) == 0 ? 0 : 3 << ((content[10] & 7) + 1)); // behind the global palette
        var flag = 0;
        while (at + 4 < content.Length && content[at] == Extension)
        {
            if (content[at + 1] == GraphicControl)
                flag = (content[at + 3] & 1) == 0 ? 0 : at + 3;
            at += 2;
            while (at < content.Length && content[at] != 0)
                at += content[at] + 1;
            at++;
        }
        return flag;
    }
}
