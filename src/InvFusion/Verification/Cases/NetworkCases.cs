using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Models;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>Whole networks: small ones of every kind with stored weights, the full-size presets with computed ones.</summary>
internal static class NetworkCases
{
    // By how many of the public network's own rounding errors its result may be missed: both sides round, and sum in another order.
    private const double RoundingFactor = 4;

    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        using var network = GoldenNetwork.Load(golden, comparison, cancellation);
        if (golden.TensorNames.Count == 0)
            return; // holds the weights that its sub-folders share, and nothing else
        using var op = GoldenOperator.TryLoad(golden);
        using var noGrad = no_grad();
        var inputs = NetworkInputs.Read(golden, op);
        if (op is not null)
            CheckMeasurements(golden, comparison, op, inputs);
        if (golden.Has("net_in"))
            CheckInput(golden, comparison, network, inputs, op);
        foreach (var variant in NetworkVariant.All.Where(v => golden.Has($"{v.Prefix}D_x")))
        {
            cancellation.ThrowIfCancellationRequested();
            CheckVariant(golden, comparison, network, variant, inputs, op);
        }
        if (golden.Has("guided_2.0"))
            CheckGuidance(golden, comparison, network, inputs, op);
        if (golden.Has("grad_x"))
            CheckInputGradient(golden, comparison, network, inputs);
        if (golden.Has("acts/mapping"))
            ActivationCases.Verify(golden, comparison, network, inputs, op!);
        if (golden.Has("gs_vectors"))
            NppcCases.Network(golden, comparison, network, inputs, op!, Tolerance(golden, ""));
    }

    private static void CheckMeasurements(GoldenCase golden, Comparison comparison, LinearOperator op, NetworkInputs inputs)
    {
        OperatorDraws.CheckMotionKernel(golden, comparison);
        OperatorCases.CheckParts(golden, comparison, op);
        if (golden.Has("y") && inputs.Clean is not null)
            comparison.Check("y", op.Apply(inputs.Clean.unsqueeze(1)), inputs.Measurements!);
        if (golden.Has("H_x"))
            comparison.Check("H_x", op.Apply(inputs.Noisy.unsqueeze(1)), golden.Tensor("H_x"));
        if (golden.Has("Hpinv_y"))
            comparison.Check("Hpinv_y", op.PseudoInverse(inputs.Measurements!).squeeze(1), golden.Tensor("Hpinv_y"));
    }

    private static void CheckVariant(
        GoldenCase golden,
        Comparison comparison,
        PreconditionedNetwork network,
        NetworkVariant variant,
        NetworkInputs inputs,
        LinearOperator? op
    )
    {
        using var scope = NewDisposeScope();
        var p = variant.Prefix;
        var (sigma, conditioning) = (variant.Sigma(inputs), variant.Conditioning(golden, op, inputs));
        var tolerance = Tolerance(golden, p);
        comparison.Check($"{p}D_x", network.Denoise(inputs.Noisy, sigma, conditioning), golden.Tensor($"{p}D_x"), tolerance);
        comparison.Check($"{p}logvar", network.LogVariance(sigma).reshape(-1, 1, 1, 1), golden.Tensor($"{p}logvar"));
        if (golden.Has($"{p}F_x"))
            comparison.Check($"{p}F_x", Raw(network, inputs.Noisy, sigma, conditioning), golden.Tensor($"{p}F_x"), tolerance);
    }

    // F itself, given c_noise = ln(σ)/4.
    private static Tensor Raw(PreconditionedNetwork network, Tensor x, Tensor sigma, Conditioning conditioning) =>
        network.Raw(Scale(network, x, sigma), sigma.expand(x.shape[0]).log() / 4, network.Measured(x, conditioning), conditioning);

    // c_in·x with c_in = 1/√(σ_d² + σ²)
    private static Tensor Scale(PreconditionedNetwork network, Tensor x, Tensor sigma)
    {
        var data = network.Configuration.SigmaData;
        return x * (sigma.square() + data * data).rsqrt().reshape(-1, 1, 1, 1);
    }

    // [c_in·x, H⁺y], channel-last; zeros in place of H⁺y where nothing was measured.
    private static void CheckInput(
        GoldenCase golden,
        Comparison comparison,
        PreconditionedNetwork network,
        NetworkInputs inputs,
        LinearOperator? op
    )
    {
        var image = op?.PseudoInverse(inputs.Measurements!).squeeze(1) ?? zeros_like(inputs.Noisy);
        var input = cat([Scale(network, inputs.Noisy, inputs.Sigma), image], 1).permute(0, 2, 3, 1);
        comparison.Check("net_in", input, golden.Tensor("net_in"));
    }

    private static void CheckGuidance(
        GoldenCase golden,
        Comparison comparison,
        PreconditionedNetwork network,
        NetworkInputs inputs,
        LinearOperator? op
    )
    {
        var main = new NetworkDenoiser(network, new(op, inputs.Measurements, inputs.Labels));
        var reference = new NetworkDenoiser(network, new(op, inputs.Measurements));
        var guided = new GuidedDenoiser(main, reference, weight: 2).Denoise(inputs.Noisy, inputs.Sigma);
        comparison.Check("guided_2.0", guided, golden.Tensor("guided_2.0"));
    }

    private static void CheckInputGradient(GoldenCase golden, Comparison comparison, PreconditionedNetwork network, NetworkInputs inputs)
    {
        using var gradients = enable_grad();
        var x = inputs.Noisy.detach().requires_grad_(true);
        Gradients.Backward(network.Denoise(x, inputs.Sigma, Conditioning.None), golden.Tensor("v"));
        comparison.CheckGradient(golden, "grad_x", x);
    }

    private static double Tolerance(GoldenCase golden, string prefix) =>
        golden.HasSetting($"{prefix}F_x_float32_rounding_maxabs")
            ? RoundingFactor
                * golden.Settings.GetProperty($"{prefix}F_x_float32_rounding_maxabs").GetDouble()
                / golden.Settings.GetProperty($"{prefix}F_x_absmax").GetDouble()
            : CaseKinds.Tolerance;
}
