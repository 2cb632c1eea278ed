using System.CommandLine;
using InvFusion.Diffusion;
using InvFusion.Restoration;

namespace InvFusion.Cli.Commands;

/// <summary>From the command line's options to the library's.</summary>
internal static class SamplingOptions
{
    public static RestoreOptions Restore(ParseResult parsed, SharedOptions options) =>
        new()
        {
            Method = parsed.GetValue(options.Method)!,
            Sampler = new SamplerOptions { Steps = parsed.GetValue(options.Steps), Churn = parsed.GetValue(options.Churn) },
            Samples = parsed.GetValue(options.Samples),
            Seed = parsed.GetValue(options.Seed),
            SigmaY = parsed.GetValue(options.Noise),
            Project = !parsed.GetValue(options.NoProjection),
            Class = parsed.GetValue(options.Class),
            Guidance = parsed.GetValue(options.Guidance),
            BatchSize = parsed.GetValue(options.Batch),
        };
}
