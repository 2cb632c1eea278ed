namespace InvFusion.Imaging;

/// <summary>A font of 5 by 7 pixels with two rows for descenders, drawn for this project: text looks the same on every machine, also on one without fonts.</summary>
internal static class PixelFont
{
    /// <summary>Pixels from a character to the next.</summary>
    public const int Advance = 6;

    /// <summary>Rows of a character.</summary>
    public const int Rows = 9;

    private const int Columns = 5;

    // Per character its rows from the top, a base-32 digit each: the five bits are the pixels from left to right. Missing rows are empty.
    private static readonly string[] Ascii =
    [
        // blank ! " # $ % & ' ( ) * + , - . /
        .. "- 4444404 AAA AAVAVAA 4FKE5U4 OP248J3 CIK8LID 448 2488842 8422248 04LEL4 044V44 00000CC48 000V 00000CC 01248G".Split(' '),
        // 0-9 : ; < = > ? @
        .. "EHJLPHE 4C4444E EH1248V V2421HE 26AIV22 VGU11HE 68GUHHE V124888 EHHEHHE EHHF12C".Split(' '),
        .. "0CC0CC 0CC0CC48 248G842 00V0V 8421248 EH12404 EH1DLLE".Split(' '),
        // A-Z
        .. "EHHVHHH UHHUHHU EHGGGHE SIHHHIS VGGUGGV VGGUGGG EHGNHHF HHHVHHH E44444E 72222IC HIKOKIH GGGGGGV HRLLHHH".Split(' '),
        .. "HHPLJHH EHHHHHE UHHUGGG EHHHLID UHHUKIH FGGE11U V444444 HHHHHHE HHHHHA4 HHHLLLA HHA4AHH HHHA444 V1248GV".Split(' '),
        // [ \ ] ^ _ `
        .. "E88888E 0G8421 E22222E 4AH 0000000V 842".Split(' '),
        // a-z
        .. "00E1FHF GGMPHHU 00EGGHE 11DJHHF 00EHVGE 698S888 00FHHHF1E GGMPHHH 40C444E 2062222IC GGIKOKI C44444E 00QLLHH".Split(' '),
        .. "00MPHHH 00EHHHE 00UHHHUGG 00FHHHF11 00MPGGG 00FGE1U 88S8896 00HHHJD 00HHHA4 00HHLLA 00HA4AH 00HHHHF1E 00V248V".Split(' '),
        // { | } ~
        .. "2448442 4444444 8442448 0008L2".Split(' '),
    ];

    private static readonly Dictionary<char, string> Others = new()
    {
        ['⁺'] = "4E4",
        ['σ'] = "00FIHHE",
        ['×'] = "000A4A",
        ['²'] = "C24E",
        ['μ'] = "00HHHJTGG",
        ['µ'] = "00HHHJTGG",
        ['±'] = "044V44V",
        ['Δ'] = "44AAHHV",
        ['·'] = "000C",
        ['→'] = "0042V24",
        ['–'] = "000V",
        ['—'] = "000V",
        ['…'] = "000000L",
    };

    private const string Unknown = "VHHHHHV";

    /// <summary>Whether a pixel of a character is set.</summary>
    public static bool IsSet(char character, int column, int row)
    {
        var glyph = Glyph(character);
        return row < glyph.Length && column < Columns && (Digit(glyph[row]) >> (Columns - 1 - column) & 1) != 0;
    }

    /// <summary>Whether the font has a character; another one is drawn as a hollow box.</summary>
    public static bool Has(char character) => character is >= ' ' and <= '~' || Others.ContainsKey(character);

    private static string Glyph(char character) =>
        character == ' ' ? ""
        : character is > ' ' and <= '~' ? Ascii[character - ' ']
        : Others.GetValueOrDefault(character, Unknown);

    private static int Digit(char digit) => digit <= '9' ? digit - '0' : digit - 'A' + 10;
}
