namespace InvFusion.Training;

/// <summary>
/// Tells a training that has diverged by the losses of its last passes. A share of them decides, not a row: easy passes in between, such as those of the degradation
/// <c>none</c>, keep a small loss however wild the network is.
/// </summary>
internal sealed class DivergenceWatch
{
    /// <summary>A loss of a pixel that no network has; it is near 1 for one that knows nothing.</summary>
    public const double DivergedLoss = 1e5;

    /// <summary>So many diverged passes among the last <see cref="Window"/> end a run.</summary>
    public const int Limit = 20;

    /// <summary>Passes that are remembered.</summary>
    public const int Window = 80;

    private readonly Queue<bool> _passes = new(Window);
    private int _bad;
    private int _sinceBad = Window;

    /// <summary>Adds the loss of a pass.</summary>
    public void Add(double loss)
    {
        var bad = !(loss < DivergedLoss); // NaN too
        if (_passes.Count == Window && _passes.Dequeue())
            _bad--;
        _passes.Enqueue(bad);
        (_bad, _sinceBad) = bad ? (_bad + 1, 0) : (_bad, _sinceBad + 1);
    }

    /// <summary>Whether the run has diverged for good.</summary>
    public bool Diverged => _bad >= Limit;

    /// <summary>Whether it may just be diverging, so that nothing of it should replace what is on the disk.</summary>
    public bool InDoubt => _sinceBad < Limit;

    /// <summary>Whether a run that ends here has diverged: of its last passes the same share is as for <see cref="Diverged"/>, however few there were.</summary>
    public bool EndsDiverged => _bad > 0 && _bad * Window >= _passes.Count * Limit;
}
