using System.CommandLine;
using InvFusion.Diffusion;
using InvFusion.Models;
using InvFusion.Restoration;

namespace InvFusion.Cli.Commands;

/// <summary>From the command line's options to the library's.</summary>
internal static class SamplingOptions
{
    public static RestoreOptions Restore(ParseResult parsed, SharedOptions options) =>
        new()
        {
            Method = options.MethodOf(parsed),
            Sampler = options.Sampler.Read(parsed, parsed.GetValue(options.Steps), parsed.GetValue(options.Churn)),
            Samples = parsed.GetValue(options.Samples),
            Seed = parsed.GetValue(options.Seed),
            SigmaY = parsed.GetValue(options.Noise),
            Project = !parsed.GetValue(options.NoProjection),
            Class = parsed.GetValue(options.Class),
            Guidance = parsed.GetValue(options.Guidance),
            GuidanceInterval = parsed.GetValue(options.GuidanceInterval) is { } text ? SigmaInterval.Parse(text, "--cfg-interval") : null,
            BatchSize = parsed.GetValue(options.Batch),
        };

    /// <summary>The options with the noise levels that the network carries for the method and its number of steps, where it does.</summary>
    public static RestoreOptions WithSchedule(this RestoreOptions options, PreconditionedNetwork network) =>
        options with
        {
            Sampler = network.Schedules.Apply(Samplers.Find(options.Method), options.Sampler),
        };
}
