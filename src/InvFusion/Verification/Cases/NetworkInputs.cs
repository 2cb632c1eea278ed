using InvFusion.Degradations;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>What a network case feeds into the network: stored, or by formula where the weights are too.</summary>
/// <param name="Clean">x₀, or null where the case does not have it.</param>
/// <param name="Noisy">x.</param>
/// <param name="Sigma">σ of each sample.</param>
/// <param name="Measurements">y, or null.</param>
/// <param name="Labels">Class of each sample, or null.</param>
internal sealed record NetworkInputs(Tensor? Clean, Tensor Noisy, Tensor Sigma, Tensor? Measurements, Tensor? Labels)
{
    public static NetworkInputs Read(GoldenCase golden, LinearOperator? op)
    {
        var sigma = golden.Tensor("sigma");
        var labels = golden.Has("labels") ? GoldenNetwork.ClassNumbers(golden.Tensor("labels")) : null;
        if (golden.Has("x_noisy"))
            return new(Optional(golden, "x0"), golden.Tensor("x_noisy"), sigma, Optional(golden, "y"), labels);
        long[] shape = [.. golden.Settings.GetProperty("imshape").EnumerateArray().Select(n => n.GetInt64())];
        var clean = ProceduralTensor.Create("input/x0", shape, 0, 1).to(golden.Device);
        var noise = ProceduralTensor.Create("input/noise", shape, 0, Math.Sqrt(3)).to(golden.Device);
        var noisy = clean + sigma.reshape(-1, 1, 1, 1) * noise;
        return new(clean, noisy, sigma, op?.Apply(clean.unsqueeze(1)), labels);
    }

    private static Tensor? Optional(GoldenCase golden, string name) => golden.Has(name) ? golden.Tensor(name) : null;
}
