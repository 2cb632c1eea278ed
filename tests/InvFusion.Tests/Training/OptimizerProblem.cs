using InvFusion.Distributed;
using InvFusion.Models;
using InvFusion.Tests.Models;
using InvFusion.Training;
using static TorchSharp.torch;

namespace InvFusion.Tests.Training;

/// <summary>A small network with its flat parameters; every one starts with the same weights, and step t has the same random gradients.</summary>
internal sealed class OptimizerProblem : IDisposable
{
    private readonly PreconditionedNetwork _network = TestNetworks.Create(TestNetworks.Configuration);

    public OptimizerProblem() => Parameters = new(_network);

    public FlatParameters Parameters { get; }

    public IReadOnlyList<FlatMatrix> Matrices => LayerMatrices.Find(Parameters);

    public FlatOptimizer Optimizer(OptimizerOptions options, ICollective? ranks = null) => new(Parameters, options, ranks: ranks);

    /// <summary>The gradients of step t, <c>[N]</c>.</summary>
    public static Tensor Gradients(FlatParameters parameters, int step)
    {
        manual_seed(100 + step);
        return randn(parameters.Values.shape);
    }

    /// <summary>Takes steps with <see cref="Gradients"/>.</summary>
    public void Step(FlatOptimizer optimizer, int steps, double rate = 0.01)
    {
        for (var step = 0; step < steps; step++)
        {
            using var gradients = Gradients(Parameters, step);
            Parameters.Gradients.copy_(gradients);
            optimizer.Step(rate, 0.9);
        }
    }

    /// <summary>1 where a matrix of a layer is, 0 elsewhere, <c>[N]</c>.</summary>
    public bool[] InMatrices()
    {
        var inside = new bool[Parameters.Values.NumberOfElements];
        foreach (var matrix in Matrices)
            inside.AsSpan(matrix.Offset, matrix.Length).Fill(true);
        return inside;
    }

    public void Dispose()
    {
        Parameters.Dispose();
        _network.Dispose();
    }
}
