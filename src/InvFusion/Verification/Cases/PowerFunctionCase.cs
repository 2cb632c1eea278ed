using System.Text.Json;
using InvFusion.Training.Averages;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>Power-function averages: exponents, decay, overlaps, the factors of a later reconstruction, and a profile.</summary>
internal static class PowerFunctionCase
{
    public static void Verify(JsonElement settings, Comparison comparison)
    {
        var stds = Numbers(settings.GetProperty("stds"));
        comparison.Check("std_to_exp", tensor([.. stds.Select(PowerFunction.ExponentOf)]), Vector(settings, "std_to_exp"));
        var exponents = Numbers(settings.GetProperty("std_to_exp"));
        comparison.Check("exp_to_std", tensor([.. exponents.Select(PowerFunction.StdOf)]), Vector(settings, "exp_to_std"));
        foreach (var (i, call) in settings.GetProperty("power_function_beta").EnumerateArray().Index())
        {
            var (std, next, delta) = (Number(call, "std"), Number(call, "t_next"), Number(call, "t_delta"));
            var (ours, expected) = (PowerFunction.Beta(std, next, delta), Number(call, "beta"));
            comparison.Check($"power_function_beta[{i}]", ours, expected);
            comparison.Check($"1 - power_function_beta[{i}]", 1 - ours, 1 - expected); // β is near 1: what counts is how far from it
        }
        CheckReconstruction(settings.GetProperty("posthoc"), comparison);
        var response = settings.GetProperty("power_function_response");
        var profile = new AverageProfile(Number(response, "ofs"), Number(response, "std"));
        comparison.Check(
            "power_function_response",
            tensor(PowerFunction.Response(profile, response.GetProperty("len").GetInt32())),
            Vector(response, "values")
        );
    }

    private static void CheckReconstruction(JsonElement posthoc, Comparison comparison)
    {
        var stored = Numbers(posthoc.GetProperty("in_ofs"))
            .Zip(Numbers(posthoc.GetProperty("in_std")), (t, std) => new AverageProfile(t, std))
            .ToArray();
        var overlaps = stored.SelectMany(a => stored.Select(b => PowerFunction.Overlap(a, b))).ToArray();
        comparison.Check("correlation", tensor(overlaps), tensor(Table(posthoc.GetProperty("correlation"))));
        var expected = tensor(Table(posthoc.GetProperty("coefficients_in_by_out"))).view(stored.Length, -1);
        foreach (var (i, wanted) in posthoc.GetProperty("out").EnumerateArray().Index())
        {
            var ours = PosthocAverage.Solve(stored, new(wanted[0].GetDouble(), wanted[1].GetDouble()));
            comparison.Check($"coefficients of output {i}", tensor(ours), expected.select(1, i));
        }
    }

    private static Tensor Vector(JsonElement settings, string name) => tensor(Numbers(settings.GetProperty(name)));

    private static double[] Table(JsonElement rows) => [.. rows.EnumerateArray().SelectMany(Numbers)];

    private static double[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(n => n.GetDouble())];

    private static double Number(JsonElement call, string name) => call.GetProperty(name).GetDouble();
}
