using InvFusion.Modules;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Autoencoding;

/// <summary>Normalises groups of channels together, ε = 1e-6, then scales and shifts each channel. <c>[B, C, …]</c> → the same.</summary>
/// <remarks>TorchSharp's own layer leaves its weights as the memory happens to be.</remarks>
public sealed class GroupNorm : nn.Module<Tensor, Tensor>
{
    private const double Epsilon = 1e-6;
    private readonly int _groups;

    [ComponentName(Name = "weight")]
    private readonly Parameter _weight;

    [ComponentName(Name = "bias")]
    private readonly Parameter _bias;

    /// <summary>Creates the layer with scale 1 and shift 0.</summary>
    public GroupNorm(int groups, int channels)
        : base(nameof(GroupNorm))
    {
        _groups = groups;
        _weight = Parameters.Create(ones(channels));
        _bias = Parameters.Create(zeros(channels));
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) => nn.functional.group_norm(input, _groups, _weight, _bias, Epsilon);
}
