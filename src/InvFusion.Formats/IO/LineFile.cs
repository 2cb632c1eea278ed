namespace InvFusion.Formats.IO;

/// <summary>Files that grow by lines. A reader may find half a last line where the writer was killed.</summary>
public static class LineFile
{
    /// <summary>Adds a line of UTF-8 text.</summary>
    /// <exception cref="DataFormatException">The disk is full or the file cannot be written.</exception>
    public static void Append(string path, string line)
    {
        try
        {
            File.AppendAllText(path, line + "\n");
        }
        catch (Exception e) when (FormatErrors.IsOfWriting(e))
        {
            throw FormatErrors.Unwritable(path, e);
        }
    }
}
