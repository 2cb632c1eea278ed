using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using InvFusion.Formats.IO;

namespace InvFusion.Data;

/// <summary>Generated JSON code of this folder's records.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true
)]
[JsonSerializable(typeof(CachedHeader))]
[JsonSerializable(typeof(Manifest))]
[JsonSerializable(typeof(ResultManifest))]
internal sealed partial class DataJson : JsonSerializerContext
{
    /// <summary>Reads a record from a file.</summary>
    /// <exception cref="DataFormatException">It is missing or not what it should be; the message names it.</exception>
    public static T Read<T>(string path, JsonTypeInfo<T> type, string what)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(InputFile.ReadAllBytes(path), type)
                ?? throw new DataFormatException($"{path}: is not a {what}");
        }
        catch (JsonException e)
        {
            throw new DataFormatException($"{path}: is not a {what} ({Names.Shown(e.Message)})", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFormatException($"{path}: cannot be read ({e.Message.TrimEnd('.')})", e);
        }
    }
}
