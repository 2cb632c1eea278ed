using System.CommandLine;
using System.Globalization;

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
        return WrongValue(parsed) ?? (parsed.Errors.Count == 0 ? null : parsed.Errors[0].Message.ReplaceLineEndings(" ").TrimEnd('.', ' '));
    }

    // The parser's own messages speak of .NET's types, and it takes a comma for a separator of thousands.
    private static string? WrongValue(ParseResult parsed) =>
        (
            from option in parsed.CommandResult.Command.Options
            let result = parsed.GetResult(option)
            where result is { Implicit: false }
            from token in result.Tokens
            let needed = Needed(option, token.Value)
            where needed is not null
            select $"{option.Name} {token.Value}: must be {needed}"
        ).FirstOrDefault();

    // What an option takes in place of a value that it does not; null where it does.
    private static string? Needed(Option option, string value)
    {
        var type = option.ValueType.GetElementType() ?? option.ValueType;
        type = Nullable.GetUnderlyingType(type) ?? type;
        var range = option.HelpName is { } given ? $", {given}" : "";
        if (type == typeof(double))
            return IsNumber(value) ? null : $"a number with a point before its decimals{range}{Meant(value)}";
        if (type == typeof(int))
            return IsWhole<int>(value) ? null : $"a whole number{range}";
        if (type == typeof(long))
            return IsWhole<long>(value) ? null : $"a whole number{range}";
        if (type == typeof(ulong))
            return IsWhole<ulong>(value) ? null : $"a whole number, 0 to {ulong.MaxValue}";
        if (type == typeof(bool))
            return bool.TryParse(value, out _) ? null : "true or false, or nothing";
        if (!type.IsEnum || Enum.GetNames(type).Contains(value, StringComparer.OrdinalIgnoreCase))
            return null;
        return $"one of {string.Join(", ", Enum.GetNames(type))}";
    }

    private static bool IsNumber(string text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _);

    private static bool IsWhole<T>(string text)
        where T : System.Numerics.IBinaryInteger<T> => T.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _);

    private static string Meant(string text) =>
        text.Replace(',', '.') is var point && point != text && IsNumber(point) ? $"; write {point}" : "";
}
