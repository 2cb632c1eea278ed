using InvFusion.Diffusion;
using InvFusion.Models;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>A network with what it is told.</summary>
internal sealed class NetworkDenoiser(PreconditionedNetwork network, Conditioning conditioning) : IDenoiser
{
    public Tensor Denoise(Tensor x, Tensor sigma) => network.Denoise(x, sigma, conditioning);
}
