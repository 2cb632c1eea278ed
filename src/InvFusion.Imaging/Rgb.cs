namespace InvFusion.Imaging;

/// <summary>A colour.</summary>
internal readonly record struct Rgb(byte R, byte G, byte B);
