using InvFusion.Degradations;
using InvFusion.Models;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>One way in which a network case calls the network; its outputs carry the prefix.</summary>
/// <param name="Prefix">Beginning of the names of its outputs.</param>
/// <param name="Conditioning">What the network is given beside x and σ.</param>
/// <param name="Sigma">σ.</param>
internal sealed record NetworkVariant(
    string Prefix,
    Func<GoldenCase, LinearOperator?, NetworkInputs, Conditioning> Conditioning,
    Func<NetworkInputs, Tensor> Sigma
)
{
    // The single σ of "sigma1_" is in the notes of its case: the samplers call the network so.
    private const float SingleSigma = 0.7f;

    /// <summary>All of them; a case has some.</summary>
    public static NetworkVariant[] All { get; } =
    [
        new("", (_, op, i) => new(op, i.Measurements, i.Labels, null), i => i.Sigma),
        new("aug_", (golden, op, i) => new(op, i.Measurements, i.Labels, golden.Tensor("aug_cond")), i => i.Sigma),
        new("sigma1_", (_, op, i) => new(op, i.Measurements, i.Labels, null), i => tensor([SingleSigma], device: i.Sigma.device)),
        new("nothing_", (_, _, _) => new(null, null, null, null), i => i.Sigma),
        new("nolabel_", (_, op, i) => new(op, i.Measurements, null, null), i => i.Sigma),
    ];
}
