using System.Text.Json;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Models;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>Samplers with a closed-form denoiser or a small network, fed with the recorded random draws.</summary>
internal static class SamplerCases
{
    /// <summary>Compares the images, and what the denoiser was asked in every call.</summary>
    public static void ClosedForm(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        var common = golden.Other("../common");
        var spread = common.Settings.GetProperty("s").GetDouble();
        var main = new ClosedFormDenoiser(common.Tensor("mu"), spread);
        IDenoiser denoiser = golden.HasSetting("guidance_net") ? Guide(main, new(common.Tensor("mu_guide"), spread), golden) : main;
        var draws = golden.Has("draws") ? golden.Tensor("draws").unbind() : [];
        var noise = new ReplayNoise([common.Tensor("noise"), .. draws]);
        using var result = Build(golden).Sample(denoiser, Request(noise, common.Tensor("noise")), cancellation: cancellation);
        comparison.Check("out", result.Images, golden.Tensor("out"));
        foreach (var (call, expected) in golden.Tensor("net_x").unbind().Index())
            comparison.Check($"net_x[{call}]", main.Inputs[call], expected); // each on its own scale, from σ = 80 down to 0.002
        comparison.Check("net_sigmas", tensor(main.Sigmas.ToArray()), Sigmas(golden));
        comparison.Check("draws left over", noise.Remaining, 0, tolerance: 0);
        main.Inputs.ForEach(x => x.Dispose());
    }

    // A network of random weights magnifies: a relative change of 1e-6 in the starting noise moves this result by 1.1e-4, and one evaluation
    // already differs by 5e-6 between two orders of summation.
    private const double RealNetworkTolerance = 5e-4;

    /// <summary>The edm sampler with a small network and a known operator.</summary>
    public static void RealNetwork(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        using var network = GoldenNetwork.Load(golden, comparison, cancellation);
        using var op = GoldenOperator.Load(golden);
        var noise = golden.Tensor("noise");
        var denoiser = new NetworkDenoiser(network, new Conditioning(op, golden.Tensor("y")));
        var sampler = new EdmSampler(new EdmOptions { Steps = golden.Settings.GetProperty("num_steps").GetInt32() });
        using var result = sampler.Sample(denoiser, Request(new ReplayNoise(noise), noise), cancellation: cancellation);
        comparison.Check("out", result.Images, golden.Tensor("out"), RealNetworkTolerance);
    }

    private static GuidedDenoiser Guide(IDenoiser main, ClosedFormDenoiser reference, GoldenCase golden) =>
        new(main, reference, golden.Settings.GetProperty("kwargs").GetProperty("guidance").GetDouble());

    private static SamplingRequest Request(INoiseSource noise, Tensor images) =>
        new() { Noise = noise, Image = new ImageShape((int)images.shape[1], (int)images.shape[2], (int)images.shape[3]) };

    private static Tensor Sigmas(GoldenCase golden) =>
        tensor(golden.Settings.GetProperty("net_sigmas").EnumerateArray().Select(s => s.GetSingle()).ToArray());

    // The public names of samplers and options are those of the vectors; an option that is not known here fails the case.
    private static ISampler Build(GoldenCase golden)
    {
        var options = new SamplerOptions();
        foreach (var option in golden.Settings.GetProperty("kwargs").EnumerateObject())
            options = Set(options, option.Name, option.Value);
        var name = golden.Settings.GetProperty("sampler").GetString();
        return Samplers.Create(
            name switch
            {
                "edm_sampler" => "edm",
                "mse" => "mmse",
                _ => name!,
            },
            options
        );
    }

    private static SamplerOptions Set(SamplerOptions options, string name, JsonElement value) =>
        name switch
        {
            "num_steps" => options with { Steps = value.GetInt32() },
            "S_churn" => options with { Churn = value.GetDouble() },
            "S_min" => options with { ChurnMin = value.GetDouble() },
            "S_max" => options with { ChurnMax = value.GetDouble() },
            "S_noise" => options with { ChurnNoise = value.GetDouble() },
            "guidance" => options, // read by the denoiser
            _ => throw new DataFormatException($"the sampler option {name} of the vectors is not known"),
        };
}
