using System.CommandLine;

namespace InvFusion.Cli.Commands;

/// <summary>What is wrong with a command line as such.</summary>
internal static class UsageErrors
{
    /// <summary>The first error in one line, or null.</summary>
    public static string? First(ParseResult parsed)
    {
        // The parser takes an unknown option for the name of an input where one is allowed, and a missing command for worse than an unknown one.
        var unknown = parsed.UnmatchedTokens.Concat(
            parsed.CommandResult.Tokens.Select(t => t.Value).Where(v => v.Length > 1 && v[0] == '-' && !File.Exists(v))
        );
        if (unknown.FirstOrDefault() is { } token)
            return $"'{token}' is not known to '{parsed.CommandResult.Command.Name}'";
        return parsed.Errors.Count == 0 ? null : parsed.Errors[0].Message.ReplaceLineEndings(" ").TrimEnd('.', ' ');
    }
}
