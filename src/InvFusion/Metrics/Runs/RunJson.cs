using System.Text.Json.Serialization;

namespace InvFusion.Metrics.Runs;

/// <summary>JSON of evaluations without reflection.</summary>
[JsonSerializable(typeof(string[]))]
internal sealed partial class RunJson : JsonSerializerContext;
