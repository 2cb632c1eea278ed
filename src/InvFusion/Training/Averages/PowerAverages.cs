using static TorchSharp.torch;

namespace InvFusion.Training.Averages;

/// <summary>Power-function averages of the weights, tracked side by side during training.</summary>
public sealed class PowerAverages : IDisposable
{
    private readonly FlatParameters _parameters;

    /// <summary>Creates the averages.</summary>
    /// <param name="parameters">The weights that are averaged.</param>
    /// <param name="stds">σ_rel of each.</param>
    public PowerAverages(FlatParameters parameters, IEnumerable<double> stds)
    {
        _parameters = parameters;
        Tracked = [.. stds.Select(std => (std, parameters.Values.clone().DetachFromDisposeScope()))];
    }

    /// <summary>σ_rel and flat weights <c>[N]</c> of each average.</summary>
    public IReadOnlyList<(double Std, Tensor Weights)> Tracked { get; }

    /// <summary>Takes the weights of a step in.</summary>
    /// <param name="images">Images seen after the step.</param>
    /// <param name="batch">Images of the step.</param>
    public void Update(long images, int batch)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope(); // of the handles that lerp_ returns
        foreach (var (std, weights) in Tracked)
            weights.lerp_(_parameters.Values, 1 - PowerFunction.Beta(std, images, batch));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, weights) in Tracked)
            weights.Dispose();
    }
}
