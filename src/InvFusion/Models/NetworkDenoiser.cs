using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Models;

/// <summary>
/// A network with what it knows about the measurement, as the denoiser of a sampler. Owns neither; H⁺y is computed once, unless it is given, and belongs to the
/// dispose scope in which the denoiser was made.
/// </summary>
/// <remarks>
/// It keeps what one noise level leaves for the next: make one for each trajectory, or for each thread. The network may be shared (<see cref="TorchTurn"/>).
/// </remarks>
public sealed class NetworkDenoiser(PreconditionedNetwork network, Conditioning conditioning) : IDirectionDenoiser
{
    private readonly LastValue? _last = network.Configuration.MisfitInput ? new() : null;
    private readonly Conditioning _known = conditioning with
    {
        MeasuredImage = conditioning.MeasuredImage ?? network.MeasuredImage(conditioning),
        DualStart = new(),
    };

    /// <inheritdoc/>
    public int Directions => network.Configuration.Directions;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">See <see cref="PreconditionedNetwork.Denoise"/>.</exception>
    /// <exception cref="ObjectDisposedException">The network, the operator or a tensor is disposed; the message names it.</exception>
    public Tensor Denoise(Tensor x, Tensor sigma)
    {
        using var turn = TorchTurn.Take();
        using var scope = NewDisposeScope();
        var known = _last is null ? _known : _known with { LastEstimate = _last.Take(x) };
        var output = network.Denoise(x, sigma, known);
        var image = Directions == 0 ? output : output.narrow(1, 0, x.shape[1]).contiguous(); // without the directions
        _last?.Keep(image);
        return image.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor DenoiseWithDirections(Tensor x, Tensor sigma) => network.Denoise(x, sigma, _known);
}
