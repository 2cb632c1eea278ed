using System.Text.Json.Nodes;
using InvFusion.Restoration;

namespace InvFusion.Cli.Rendering;

/// <summary>What a report says about guidance: its weight, the guiding model (null is the model itself without the class) and the noise levels (null is all).</summary>
internal sealed record GuidanceReport(double Weight, string? Model, double? SigmaLow, double? SigmaHigh)
{
    /// <summary>That of some settings; null without guidance.</summary>
    public static GuidanceReport? Of(RestoreOptions settings, string? guide) =>
        settings.Guidance is { } weight ? new(weight, guide, settings.GuidanceInterval?.Low, settings.GuidanceInterval?.High) : null;

    public JsonObject ToJson() =>
        new()
        {
            ["weight"] = Weight,
            ["model"] = Model,
            ["sigmaLow"] = SigmaLow,
            ["sigmaHigh"] = SigmaHigh,
        };
}
