using System.Text.Json;
using System.Text.Json.Serialization;

namespace InvFusion.Configuration;

/// <summary>How configurations are written: camel case, names for enumerations, comments allowed, unknown keys refused.</summary>
/// <remarks>By reflection: the source generator forgets the defaults of <c>init</c> properties that a file leaves out.</remarks>
internal static class ConfigurationJson
{
    private static readonly JsonSerializerOptions Indented = Options(indented: true);
    private static readonly JsonSerializerOptions OneLine = Options(indented: false);

    /// <summary>Reads a configuration.</summary>
    /// <exception cref="ConfigurationException">Not JSON, an unknown key or a value of the wrong type; the message names source and key.</exception>
    public static T Read<T>(string json, string source)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(json, Indented) ?? throw new ConfigurationException($"{source}: is empty");
        }
        catch (JsonException e)
        {
            throw new ConfigurationException($"{source}: {JsonProblem.Describe(typeof(T), json, e)}", e);
        }
    }

    /// <summary>Writes a configuration.</summary>
    public static string Write<T>(T value, bool indented = true) => JsonSerializer.Serialize(value, indented ? Indented : OneLine);

    private static JsonSerializerOptions Options(bool indented) =>
        new()
        {
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            Converters = { new JsonStringEnumConverter(allowIntegerValues: false) },
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            ReadCommentHandling = JsonCommentHandling.Skip,
            AllowTrailingCommas = true,
            NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
            RespectRequiredConstructorParameters = true,
            RespectNullableAnnotations = true,
            WriteIndented = indented,
            MaxDepth = 32,
        };
}
