using System.Text.Json;
using InvFusion.Training;

namespace InvFusion.Verification.Cases;

/// <summary>Learning rate and decay of the moving averages over the images seen.</summary>
internal static class ScheduleCase
{
    // What the public function takes where a call does not say.
    private const double DefaultRate = 1e-4;
    private const double DefaultReferenceBatches = 32;
    private const double DefaultRampUpImages = 1 << 22;

    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        foreach (var (i, call) in golden.Settings.GetProperty("learning_rate").EnumerateArray().Index())
        {
            var schedule = new LearningRateSchedule
            {
                Rate = Number(call, "ref_lr", DefaultRate),
                ReferenceBatches = Number(call, "ref_batches", DefaultReferenceBatches),
                RampUpImages = Number(call, "rampup_img", DefaultRampUpImages),
            };
            var rate = schedule.At(Number(call, "cur_nimg"), Number(call, "batch_size"));
            comparison.Check($"learning_rate[{i}]", rate, Number(call, "lr"));
        }
        foreach (var (i, call) in golden.Settings.GetProperty("traditional_ema").EnumerateArray().Index())
        {
            var schedule = new EmaSchedule
            {
                HalfLifeImages = Number(call, "halflife_img"),
                RampUpRatio = Number(call, "rampup_ratio", 0), // null: no ramp
                PublicRampUp = true,
            };
            var ours = schedule.Beta(Number(call, "cur_nimg"), Number(call, "batch_size"));
            // β is near 1: what counts is how far from it.
            comparison.Check($"1 - traditional_ema[{i}]", 1 - ours, 1 - Number(call, "beta"));
        }
        PowerFunctionCase.Verify(golden.Settings, comparison);
    }

    private static double Number(JsonElement call, string name, double? otherwise = null) =>
        call.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number
            ? value.GetDouble()
            : otherwise ?? throw new DataFormatException($"schedules: a call has no {name}");
}
