using System.Security.Cryptography;
using InvFusion.Formats.IO;

namespace InvFusion.Data;

/// <summary>A file that a result was made of.</summary>
/// <param name="Role">What it was used for: <c>model</c>, <c>guide</c>, <c>reference</c>, <c>degradation</c> (a mask, kernel or matrix), or <c>weights</c> with the name of their network.</param>
/// <param name="Name">Its name, without the path.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">SHA-256 of its content, in hexadecimal.</param>
public sealed record UsedFile(string Role, string Name, long Bytes, string Sha256)
{
    /// <summary>The role of a file that a degradation names.</summary>
    public const string DegradationRole = "degradation";

    /// <summary>The files that degradations name, each once.</summary>
    /// <param name="paths">Their paths.</param>
    /// <exception cref="DataFormatException">One cannot be read; the message names it.</exception>
    public static IEnumerable<UsedFile> OfDegradations(IEnumerable<string> paths) => paths.Distinct().Select(p => Of(DegradationRole, p));

    /// <summary>Reads a file once, for its checksum.</summary>
    /// <param name="role">What it is used for.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFormatException">It cannot be read; the message names it.</exception>
    public static UsedFile Of(string role, string path)
    {
        try
        {
            using var stream = InputFile.OpenRead(path);
            return new(role, Path.GetFileName(path), stream.Length, Convert.ToHexStringLower(SHA256.HashData(stream)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFormatException($"{path}: cannot be read ({e.Message.TrimEnd('.')})", e);
        }
    }
}
