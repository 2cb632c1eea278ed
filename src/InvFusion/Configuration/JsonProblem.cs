using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using InvFusion.Formats.IO;

namespace InvFusion.Configuration;

/// <summary>Says what is wrong with a configuration in its own words: key, line, value and what is wanted there, where the serializer speaks of .NET's types.</summary>
internal static partial class JsonProblem
{
    private const int LongestValue = 40;

    /// <summary>One line without the source's name.</summary>
    /// <param name="root">The type that was read.</param>
    /// <param name="json">The text.</param>
    /// <param name="error">What the serializer found.</param>
    public static string Describe(Type root, string json, JsonException error)
    {
        var path = (error.Path ?? "$").TrimStart('$').TrimStart('.');
        var shown = Names.Shown(path);
        var place = error.LineNumber is { } line ? $"{(path.Length > 0 ? shown + " " : "")}(line {line + 1})" : shown;
        var quoted = Names.Shown(string.Join(", ", Quoted().Matches(error.Message).Select(m => m.Value)));
        if (error.Message.Contains("could not be mapped", StringComparison.Ordinal))
            return $"{place}: the key {Names.Shown(Quoted().Match(error.Message).Value)} is unknown; take it out";
        if (error.Message.Contains("missing required properties", StringComparison.Ordinal))
            return $"{place}: lacks {quoted[(quoted.IndexOf(',', StringComparison.Ordinal) + 1)..].Trim()}; give every one"; // the type's name comes first
        if (error.Message.Contains("null", StringComparison.Ordinal) && !error.Message.Contains("converted", StringComparison.Ordinal))
            return $"{place}: must not be null; leave the key out for its default";
        if (!error.Message.Contains("converted", StringComparison.Ordinal))
            return $"is not JSON: {Names.Shown(Where().Replace(error.Message.ReplaceLineEndings(" "), "")).TrimEnd('.', ' ')} ({place})";
        var found = Value(json, path) is { } value ? $"is {value}; it " : "";
        return $"{place}: {found}must be {Wanted(TypeAt(root, path))}";
    }

    private static string Wanted(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type.IsEnum)
            return $"one of {string.Join(", ", Enum.GetNames(type))}";
        return Type.GetTypeCode(type) switch
        {
            TypeCode.Int32 => $"a whole number up to {int.MaxValue}",
            TypeCode.Int64 => "a whole number",
            TypeCode.UInt64 => "a whole number from 0",
            TypeCode.Double => "a number with a point before its decimals",
            TypeCode.Boolean => "true or false",
            TypeCode.String => "text in quotes",
            _ => Element(type) is null ? "a group of keys in { }" : "a list in [ ]",
        };
    }

    private static Type TypeAt(Type root, string path)
    {
        var type = root;
        foreach (var part in Parts(path))
        {
            type = Nullable.GetUnderlyingType(type) ?? type;
            type = char.IsDigit(part[0])
                ? Element(type) ?? type
                : type.GetProperties().FirstOrDefault(p => p.Name.Equals(part, StringComparison.OrdinalIgnoreCase))?.PropertyType ?? type;
        }
        return type;
    }

    private static Type? Element(Type type) =>
        type == typeof(string)
            ? null
            : type.GetInterfaces()
                .Append(type)
                .FirstOrDefault(i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IEnumerable<>))
                ?.GetGenericArguments()[0];

    private static string? Value(string json, string path)
    {
        JsonNode? node;
        try
        {
            var options = new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };
            node = JsonNode.Parse(json, documentOptions: options);
        }
        catch (JsonException) // further down
        {
            return null;
        }
        foreach (var part in Parts(path))
            node = node switch
            {
                JsonObject o => o[part],
                JsonArray a when int.TryParse(part, out var i) && i < a.Count => a[i],
                _ => null,
            };
        var text = node?.ToJsonString();
        return text?.Length > LongestValue ? text[..LongestValue] + "…" : text;
    }

    private static string[] Parts(string path) => path.Split(['.', '[', ']'], StringSplitOptions.RemoveEmptyEntries);

    [GeneratedRegex("'[^']*'")]
    private static partial Regex Quoted();

    [GeneratedRegex(@" Path: .*$| LineNumber: .*$")]
    private static partial Regex Where();
}
