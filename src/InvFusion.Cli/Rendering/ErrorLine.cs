using InvFusion.Formats.IO;

namespace InvFusion.Cli.Rendering;

/// <summary>An error as the user sees it.</summary>
internal static class ErrorLine
{
    /// <summary>Writes one line, and where the error came from when that is wanted.</summary>
    public static void Print(Exception error, bool verbose, string prefix = "")
    {
        Console.Error.WriteLine(prefix + (error is OperationCanceledException ? "cancelled" : $"error: {Names.Line(error.Message)}"));
        if (verbose)
            Console.Error.WriteLine(error);
    }
}
