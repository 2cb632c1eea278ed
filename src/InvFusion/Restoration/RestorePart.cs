using InvFusion.Degradations;
using InvFusion.Diffusion;
using static TorchSharp.torch;

namespace InvFusion.Restoration;

/// <summary>What goes through the network at once: the whole image, or a tile with its own part of the operator, the measurement and the noise.</summary>
internal sealed class RestorePart : IDisposable
{
    private readonly ImageShape _whole;
    private readonly ImageWindow _window;
    private readonly LinearOperator? _windowOperator;

    /// <summary>Cuts a part out. The measurement's belongs to the dispose scope that is open.</summary>
    public RestorePart(LinearOperator? op, Tensor? measurement, ImageShape whole, ImageWindow window)
    {
        (_whole, _window) = (whole, window);
        if (op is not null && !IsWhole)
        {
            _windowOperator = op.Window(window);
            measurement = measurement is null ? null : op.WindowOf(measurement, window);
        }
        Operator = op is null ? null : new CountingOperator(_windowOperator ?? op);
        Measurement = measurement;
    }

    public ImageShape Image => _whole.Of(_window);

    public CountingOperator? Operator { get; }

    /// <summary><c>[1, 1, O]</c>, or null.</summary>
    public Tensor? Measurement { get; }

    /// <summary>Evaluations of networks so far, in images.</summary>
    public long Evaluations { get; set; }

    private bool IsWhole => Image == _whole;

    /// <summary>The noise of some samples.</summary>
    /// <param name="seeds">Their seeds.</param>
    /// <param name="first">The number of the first one.</param>
    /// <param name="device">Where it is used.</param>
    public INoiseSource Noise(ulong[] seeds, int first, Device device)
    {
        var noise = new SampleNoise(seeds, device) { First = first };
        return IsWhole ? noise : new WindowNoise(noise, _whole, _window);
    }

    public void Dispose()
    {
        Operator?.Dispose();
        _windowOperator?.Dispose();
    }
}
