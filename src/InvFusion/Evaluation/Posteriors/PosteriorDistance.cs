using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Evaluation.Posteriors;

/// <summary>How far samples are from a known posterior, in units of the posterior's own spread.</summary>
/// <param name="Mean">‖mean of the samples - m‖ / √tr C.</param>
/// <param name="Covariance">‖covariance of the samples - C‖ / ‖C‖ (Frobenius).</param>
/// <param name="SlicedWasserstein">Root mean square over random directions of the 2-Wasserstein distance to exact draws, / √(tr C/N).</param>
public sealed record PosteriorDistance(double Mean, double Covariance, double SlicedWasserstein)
{
    private const int Slices = 64;

    // A posterior that H determines (almost) completely is measured against this part of the prior instead of against nothing.
    private const double LeastSpread = 1e-3;

    /// <summary>Measures samples <c>[K, N]</c> (float64) against exact draws of the same number.</summary>
    /// <param name="samples">The samples.</param>
    /// <param name="posterior">The truth.</param>
    /// <param name="draws">Exact draws <c>[K, N]</c>.</param>
    /// <param name="prior">Sets the least spread.</param>
    public static PosteriorDistance Of(Tensor samples, GaussianMixture posterior, Tensor draws, GaussianMixture prior)
    {
        using var scope = NewDisposeScope();
        var (mean, covariance, before) = (posterior.Mean(), posterior.Covariance(), prior.Covariance());
        var trace = Math.Max(covariance.trace().item<double>(), LeastSpread * before.trace().item<double>());
        var size = Math.Max(covariance.norm().item<double>(), LeastSpread * before.norm().item<double>());
        var spread = samples.shape[0] > 1 ? samples.t().cov() : zeros_like(covariance);
        var n = samples.shape[1];
        return new(
            (samples.mean([0]) - mean).norm().item<double>() / Math.Sqrt(trace),
            (spread - covariance).norm().item<double>() / size,
            Sliced(samples, draws) / Math.Sqrt(trace / n)
        );
    }

    private static double Sliced(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        var normals = new float[a.shape[1] * Slices];
        new RandomStream(7).FillNormal(normals);
        var directions = tensor(normals).to(float64).reshape(a.shape[1], Slices);
        directions = directions / directions.norm(0, keepdim: true);
        var (x, _) = a.mm(directions).sort(0);
        var (y, _) = b.mm(directions).sort(0);
        return (x - y).square().mean().sqrt().item<double>();
    }
}
