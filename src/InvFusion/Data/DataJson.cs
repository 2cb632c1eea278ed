using System.Text.Json.Serialization;

namespace InvFusion.Data;

/// <summary>Generated JSON code of this folder's records.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true
)]
[JsonSerializable(typeof(CachedHeader))]
[JsonSerializable(typeof(Manifest))]
internal sealed partial class DataJson : JsonSerializerContext;
