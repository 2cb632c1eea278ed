using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>One degradation after another, whose pseudo-inverse is found by conjugate gradients. It owns its two parts.</summary>
public sealed class CompositionOperator : LinearOperator
{
    private readonly LinearOperator _first;
    private readonly LinearOperator _second;

    /// <summary>Creates the operator y = second(first(x)).</summary>
    /// <param name="first">Its measurement must be an image.</param>
    /// <param name="second">Reads images of the shape of the first one's measurement.</param>
    public CompositionOperator(LinearOperator first, LinearOperator second)
        : base(Outer(first).Image, Batch(first, second), second.MeasurementLength)
    {
        if (first.MeasurementShape is not { } between)
            throw new ArgumentException($"nothing can follow {first.GetType().Name}: its measurement is not an image");
        if (second.Image != between)
            throw new ArgumentException($"{second.GetType().Name} reads {second.Image} images, but {first.GetType().Name} gives {between}");
        (_first, _second) = (first, second);
    }

    /// <inheritdoc/>
    public override ImageShape? MeasurementShape => _second.MeasurementShape;

    /// <inheritdoc/>
    public override double NoiseGain => _second.NoiseGain;

    /// <inheritdoc/>
    public override Tensor Apply(Tensor images)
    {
        using var scope = NewDisposeScope();
        return _second.Apply(_first.View(_first.Apply(images))!).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor measurements)
    {
        using var scope = NewDisposeScope();
        return _first.Adjoint(_second.Adjoint(measurements).flatten(2)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected internal override bool OrthogonalRows => _first.OrthogonalRows && _second.OrthogonalRows;

    /// <inheritdoc/>
    internal override bool FewSteps => _first.FewSteps && _second.FewSteps;

    /// <inheritdoc/>
    internal override bool IsOwn => _first.IsOwn && _second.IsOwn;

    /// <inheritdoc/>
    public override Tensor Noise(Tensor normals) => _second.Noise(normals);

    /// <inheritdoc/>
    public override Tensor NoiseVariance(Device device)
    {
        using var scope = NewDisposeScope();
        return (_second.NoiseVariance(device) * Measured(device)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor? View(Tensor measurements) => _second.View(measurements);

    /// <inheritdoc/>
    public override ImageShape? ViewShape => _second.ViewShape;

    /// <inheritdoc/>
    public override Tensor FromView(Tensor picture, double sigmaY = 0) => _second.FromView(picture, sigmaY);

    /// <inheritdoc/>
    public override LinearOperator Select(params ReadOnlySpan<long> samples) =>
        new CompositionOperator(_first.Select(samples), _second.Select(samples));

    /// <inheritdoc/>
    public override int? WindowStep => _first.WindowStep * _second.WindowStep;

    /// <inheritdoc/>
    public override LinearOperator Window(ImageWindow window) =>
        WindowStep is null
            ? base.Window(window)
            : new CompositionOperator(_first.Window(window), _second.Window(window.DividedBy(_first.WindowStep!.Value)));

    /// <inheritdoc/>
    public override Tensor WindowOf(Tensor measurements, ImageWindow window) =>
        WindowStep is null
            ? base.WindowOf(measurements, window)
            : _second.WindowOf(measurements, window.DividedBy(_first.WindowStep!.Value));

    /// <inheritdoc/>
    public override Tensor? Picture() => _second.Picture() ?? _first.Picture();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _first.Dispose();
        _second.Dispose();
        base.Dispose(disposing);
    }

    private static LinearOperator Outer(LinearOperator first)
    {
        ArgumentNullException.ThrowIfNull(first);
        return first;
    }

    private static int Batch(LinearOperator first, LinearOperator second)
    {
        ArgumentNullException.ThrowIfNull(second);
        var (a, b) = (first.BatchSize, second.BatchSize);
        return a == b || b == 1 ? a
            : a == 1 ? b
            : throw new ArgumentException($"the parts of a composition have batches of {a} and {b}");
    }
}
