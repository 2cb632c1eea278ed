using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>
/// Operators of different kinds in one batch, each for its own samples. Measurements are as long as the longest; those of the others end with zeros, which are
/// not read.
/// </summary>
public sealed class BatchOperator : LinearOperator
{
    private readonly IReadOnlyList<(LinearOperator Operator, int Samples)> _parts;
    private readonly bool _owns;
    private BatchOperator? _exact;

    /// <summary>Creates the operator, which owns its parts.</summary>
    /// <param name="parts">Operators for images of one shape, each with the number of samples in a row that it serves.</param>
    public BatchOperator(params IReadOnlyList<(LinearOperator Operator, int Samples)> parts)
        : this(parts, owns: true) { }

    private BatchOperator(IReadOnlyList<(LinearOperator Operator, int Samples)> parts, bool owns)
        : base(
            parts is { Count: > 0 } ? parts[0].Operator.Image : throw new ArgumentException("a batch of operators needs at least one"),
            parts.Sum(p => p.Samples),
            parts.Max(p => p.Operator.MeasurementLength)
        )
    {
        foreach (var (op, samples) in parts)
            if (op.Image != Image || samples < 1 || (op.BatchSize != 1 && op.BatchSize != samples))
                throw new ArgumentException(
                    $"{op.GetType().Name} is for {op.BatchSize} images {op.Image}, the batch has {samples} of {Image} for it"
                );
        (_parts, _owns) = (parts, owns);
    }

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">The parts' differ.</exception>
    public override double NoiseGain =>
        _parts.Select(p => p.Operator.NoiseGain).Distinct().ToArray() is [var gain]
            ? gain
            : throw new NotSupportedException("the measurements of this batch are in different units; take its samples one by one");

    /// <inheritdoc/>
    public override LinearOperator Exact =>
        _parts.All(p => p.Operator.Exact == p.Operator)
            ? this
            : _exact ??= new BatchOperator([.. _parts.Select(p => (p.Operator.Exact, p.Samples))], owns: false);

    /// <inheritdoc/>
    internal override bool IsOwn => _parts.All(p => p.Operator.IsOwn);

    /// <inheritdoc/>
    protected internal override bool OrthogonalRows => _parts.All(p => p.Operator.OrthogonalRows);

    /// <inheritdoc/>
    public override Tensor Apply(Tensor images)
    {
        RequireImages(images);
        return PartByPart(images, (op, part) => Pad(op.Apply(part)));
    }

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor measurements)
    {
        RequireMeasurements(measurements);
        return PartByPart(measurements, (op, part) => op.Adjoint(Cut(op, part)));
    }

    /// <inheritdoc/>
    public override Tensor PseudoInverse(Tensor measurements, double sigmaY = 0)
    {
        RequireMeasurements(measurements);
        return PartByPart(measurements, (op, part) => op.PseudoInverse(Cut(op, part), sigmaY));
    }

    /// <inheritdoc/>
    /// <remarks>A part that cannot do it at once goes step by step.</remarks>
    internal override bool Fuse(in FeatureFusion fusion)
    {
        if (fusion.Tokens.shape[0] != BatchSize)
            return false;
        RequireMeasurements(fusion.Measurements);
        using var scope = NewDisposeScope();
        var first = 0;
        foreach (var (op, samples) in _parts)
        {
            fusion.Part(first, samples, op).Compute(op);
            first += samples;
        }
        return true;
    }

    /// <inheritdoc/>
    internal override bool FusesBack(ImageShape image, ScalarType dtype) => _parts.All(p => p.Operator.FusesBack(image, dtype));

    /// <inheritdoc/>
    internal override void FuseBack(in FeatureFusion fusion, Tensor gradient, Tensor sums)
    {
        using var scope = NewDisposeScope();
        var first = 0;
        foreach (var (op, samples) in _parts)
        {
            op.FuseBack(fusion.Part(first, samples, op), gradient.narrow(0, first, samples), sums.narrow(0, first, samples));
            first += samples;
        }
    }

    /// <inheritdoc/>
    public override Tensor LinearEstimate(Tensor measurements, Tensor? sigmaY = null) =>
        EachEstimate(measurements, sigmaY, (op, part, sigma) => op.LinearEstimate(part, sigma));

    /// <inheritdoc/>
    public override Tensor LinearEstimate(Tensor measurements, int steps, Tensor? sigmaY = null) =>
        EachEstimate(measurements, sigmaY, (op, part, sigma) => op.LinearEstimate(part, steps, sigma));

    private Tensor EachEstimate(Tensor measurements, Tensor? sigmaY, Func<LinearOperator, Tensor, Tensor, Tensor> estimate)
    {
        RequireMeasurements(measurements);
        using var scope = NewDisposeScope();
        var levels = (sigmaY ?? zeros([1], device: measurements.device)).expand(BatchSize);
        return PartByPart(measurements, (op, part, first) => estimate(op, Cut(op, part), levels.narrow(0, first, part.shape[0])))
            .MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    internal override Tensor Backproject(Tensor measurements) => PartByPart(measurements, (op, part) => op.Backproject(Cut(op, part)));

    /// <inheritdoc/>
    internal override Tensor ColumnEnergy(Device device)
    {
        using var scope = NewDisposeScope();
        return cat([.. _parts.Select(p => p.Operator.ColumnEnergy(device).expand(p.Samples, -1, -1, -1))], 0).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    internal override Tensor JointCorrection(JointProblem problem)
    {
        var corrected = new List<Tensor>();
        var first = 0;
        foreach (var (op, samples) in _parts)
        {
            corrected.Add(op.JointCorrection(problem.Part(first, samples, op.MeasurementLength)));
            first += samples;
        }
        return cat(corrected, 0);
    }

    /// <inheritdoc/>
    public override Tensor Noise(Tensor normals)
    {
        RequireMeasurements(normals);
        return PartByPart(normals, (op, part) => Pad(op.Noise(Cut(op, part))));
    }

    /// <inheritdoc/>
    public override Tensor NoiseVariance(Device device)
    {
        using var scope = NewDisposeScope();
        var rows = _parts.Select(p => Pad(p.Operator.NoiseVariance(device)).expand(p.Samples, -1, -1));
        return cat(rows.ToArray(), 0).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override LinearOperator Select(params ReadOnlySpan<long> samples)
    {
        var chosen = new List<(LinearOperator, int)>();
        foreach (var sample in samples)
        {
            var (part, first) = (0, 0L);
            while (sample >= first + _parts[part].Samples)
                first += _parts[part++].Samples;
            chosen.Add((_parts[part].Operator.Select(sample - first), 1));
        }
        return new BatchOperator(chosen);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _exact?.Dispose();
        if (_owns)
            foreach (var (op, _) in _parts)
                op.Dispose();
        base.Dispose(disposing);
    }

    private Tensor PartByPart(Tensor rows, Func<LinearOperator, Tensor, Tensor> work) => PartByPart(rows, (op, part, _) => work(op, part));

    // The work is told the operator, its rows, and how many come before them.
    private Tensor PartByPart(Tensor rows, Func<LinearOperator, Tensor, long, Tensor> work)
    {
        using var scope = NewDisposeScope();
        var results = new List<Tensor>();
        var first = 0;
        foreach (var (op, samples) in _parts)
        {
            results.Add(work(op, rows.narrow(0, first, samples), first));
            first += samples;
        }
        return cat(results, 0).MoveToOuterDisposeScope();
    }

    private static Tensor Cut(LinearOperator op, Tensor measurements) => measurements.narrow(2, 0, op.MeasurementLength);

    private Tensor Pad(Tensor measurements) => nn.functional.pad(measurements, [0, MeasurementLength - measurements.shape[2]]);
}
