using InvFusion.Distributed;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>The optimizer of a run over flat memory: every parameter is either <see cref="FlatAdam"/>'s or, with <see cref="OptimizerKind.Muon"/>, a matrix of Muon's.</summary>
public sealed class FlatOptimizer : IDisposable
{
    private readonly OptimizerOptions _options;
    private readonly FlatAdam _adam;
    private readonly FlatMuon? _muon;

    /// <summary>Creates the optimizer; the average starts at the weights.</summary>
    /// <param name="parameters">Weights and gradients.</param>
    /// <param name="options">Kind and constants.</param>
    /// <param name="computeType">Type of Muon's matrix multiplications: bfloat16 or float32.</param>
    /// <param name="ranks">The processes that train together, or null for this one alone; not owned.</param>
    public FlatOptimizer(
        FlatParameters parameters,
        OptimizerOptions options,
        ScalarType computeType = ScalarType.Float32,
        ICollective? ranks = null
    )
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        var matrices = LayerMatrices.Find(parameters);
        var ranges = FlatRange.Divide((int)parameters.Values.NumberOfElements, matrices);
        if (options.Kind == OptimizerKind.Adam)
        {
            _adam = new(parameters, options, ranges);
            return;
        }
        _adam = new(parameters, options, [.. ranges.Where(range => !range.Matrices)]);
        _muon = new(parameters, matrices, FirstMoment, Average, options.Momentum, computeType, ranks ?? new SingleProcess());
    }

    /// <summary>What takes the steps.</summary>
    public OptimizerKind Kind => _options.Kind;

    /// <summary>Adam's m, and the momentum of Muon's matrices in their places, <c>[N]</c>.</summary>
    public Tensor FirstMoment => _adam.FirstMoment;

    /// <summary>Adam's v, and 0 in the places of Muon's matrices, <c>[N]</c>.</summary>
    public Tensor SecondMoment => _adam.SecondMoment;

    /// <summary>The moving average of the weights, <c>[N]</c>.</summary>
    public Tensor Average => _adam.Average;

    /// <summary>Steps taken.</summary>
    public long Steps
    {
        get => _adam.Steps;
        set => _adam.Steps = value;
    }

    /// <summary>Takes one step with the gradients, sets them to zero and updates the average.</summary>
    /// <param name="learningRate">The rate of this step.</param>
    /// <param name="averageBeta">ema ← β·ema + (1 - β)·weights.</param>
    /// <returns>How many gradients were NaN or infinite; they count as 0.</returns>
    public long Step(double learningRate, double averageBeta)
    {
        var bad = _adam.Step(learningRate, averageBeta);
        if (_muon is not null)
        {
            var rate = learningRate * _options.MuonRate;
            bad += _muon.Step(rate, 1 - rate * _options.WeightDecay, 1 - averageBeta);
        }
        return bad;
    }

    /// <inheritdoc/>
    public void Dispose() => _adam.Dispose();
}
