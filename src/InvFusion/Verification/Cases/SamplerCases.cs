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
        using var op = Operator(golden);
        var request = Request(noise, common.Tensor("noise")) with { Problem = op is null ? null : Problem(golden, op) };
        using var result = Build(golden).Sample(denoiser, request, cancellation: cancellation);
        comparison.Check("out", result.Images, golden.Tensor("out"));
        comparison.Check("draws left over", noise.Remaining, 0, tolerance: 0);
        CheckCalls(golden, comparison, main);
    }

    /// <summary>Compares what the denoiser was asked, each x on its own scale, from σ = 80 down to 0.002.</summary>
    public static void CheckCalls(GoldenCase golden, Comparison comparison, ClosedFormDenoiser denoiser)
    {
        var expected = golden.Tensor("net_x").unbind();
        comparison.Check("evaluations", denoiser.Inputs.Count, expected.Length, tolerance: 0);
        foreach (var (ours, theirs) in denoiser.Inputs.Zip(expected))
            comparison.Check("net_x", ours, theirs);
        comparison.Check("net_sigmas", tensor(denoiser.Sigmas.ToArray()), Sigmas(golden));
        denoiser.Inputs.ForEach(x => x.Dispose());
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

    /// <summary>The samplers that take gradients through a network.</summary>
    public static void RealNetworkGradients(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        using var network = GoldenNetwork.Load(golden, comparison, cancellation);
        using var op = GoldenOperator.Load(golden);
        OperatorCases.CheckParts(golden, comparison, op);
        var noise = golden.Tensor("noise");
        var options = new SamplerOptions
        {
            Steps = golden.Settings.GetProperty("num_steps").GetInt32(),
            Variant = SamplerVariant.Reference,
        };
        foreach (var name in (string[])["pigdm", "dps"])
        {
            var draws = name == "dps" ? golden.Tensor("draws_dps").unbind() : [];
            var request = Request(new ReplayNoise([noise, .. draws]), noise) with { Problem = new InverseProblem(op, golden.Tensor("y")) };
            using var result = Samplers
                .Create(name, options)
                .Sample(new NetworkDenoiser(network, Conditioning.None), request, cancellation: cancellation);
            comparison.Check($"out_{name}", result.Images, golden.Tensor($"out_{name}"), RealNetworkTolerance);
        }
    }

    /// <summary>A request for images of the shape of others.</summary>
    public static SamplingRequest Request(INoiseSource noise, Tensor images) =>
        new() { Noise = noise, Image = new ImageShape((int)images.shape[1], (int)images.shape[2], (int)images.shape[3]) };

    // The operators of the cases lie beside them, with one measurement for each noise level.
    private static LinearOperator? Operator(GoldenCase golden) =>
        golden.HasSetting("degradation") ? GoldenOperator.Load(Measured(golden)) : null;

    private static InverseProblem Problem(GoldenCase golden, LinearOperator op)
    {
        var noise = golden.Settings.GetProperty("noise_level").GetDouble();
        return new(op, Measured(golden).Tensor(noise > 0 ? "y_n01" : "y_n0"), noise);
    }

    private static GoldenCase Measured(GoldenCase golden) =>
        golden.Other($"../deg_{golden.Settings.GetProperty("degradation").GetString()}");

    private static GuidedDenoiser Guide(IDenoiser main, ClosedFormDenoiser reference, GoldenCase golden) =>
        new(main, reference, golden.Settings.GetProperty("kwargs").GetProperty("guidance").GetDouble());

    private static Tensor Sigmas(GoldenCase golden) =>
        tensor(golden.Settings.GetProperty("net_sigmas").EnumerateArray().Select(s => s.GetSingle()).ToArray());

    // The public names of samplers and options are those of the vectors; an option that is not known here fails the case.
    private static ISampler Build(GoldenCase golden)
    {
        var kind = Samplers.Find(PublicNames[golden.Settings.GetProperty("sampler").GetString()!]);
        var options = new SamplerOptions();
        foreach (var option in golden.Settings.GetProperty("kwargs").EnumerateObject())
            options = Set(options, option.Name, option.Value);
        if (kind.OptionNames.Contains("variant"))
            options = options with { Variant = SamplerVariant.Reference };
        if (golden.HasSetting("langevin_steps"))
            options = options with { LangevinSteps = golden.Settings.GetProperty("langevin_steps").GetInt32() };
        return Samplers.Create(kind.Name, options);
    }

    private static Dictionary<string, string> PublicNames { get; } =
        new()
        {
            ["edm_sampler"] = "edm",
            ["mse"] = "mmse",
            ["ddrm_sampler"] = "ddrm",
            ["project_sampler"] = "ddnm",
            ["pigdm_sampler"] = "pigdm",
            ["dps_sampler"] = "dps",
            ["daps_sampler"] = "daps",
        };

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
