using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Evaluation.Posteriors;

/// <summary>A mixture of Gaussians over flattened images; with a linear measurement it stays one, so that the posterior is known exactly. All in double.</summary>
public sealed class GaussianMixture : IDisposable
{
    // Directions of the measurement below this fraction of the strongest one's variance count as not measured.
    private const double Cutoff = 1e-10;

    /// <summary>Creates a mixture; the tensors are copied.</summary>
    /// <param name="weights">Weights, which are made to sum to 1.</param>
    /// <param name="means"><c>[M, N]</c>.</param>
    /// <param name="covariances"><c>[M, N, N]</c>.</param>
    public GaussianMixture(IReadOnlyList<double> weights, Tensor means, Tensor covariances)
    {
        using var scope = NewDisposeScope();
        var sum = weights.Sum();
        Weights = [.. weights.Select(w => w / sum)];
        Means = means.to(float64).clone().DetachFromDisposeScope();
        Covariances = ((covariances + covariances.transpose(1, 2)) / 2).to(float64).DetachFromDisposeScope();
        var (values, vectors) = linalg.eigh(Covariances);
        (Values, Vectors) = (values.clamp_min(0).DetachFromDisposeScope(), vectors.DetachFromDisposeScope());
    }

    /// <summary>Weights, which sum to 1.</summary>
    public IReadOnlyList<double> Weights { get; }

    /// <summary>Means <c>[M, N]</c>.</summary>
    public Tensor Means { get; }

    /// <summary>Covariances <c>[M, N, N]</c>.</summary>
    public Tensor Covariances { get; }

    /// <summary>Eigenvalues of the covariances <c>[M, N]</c>, in ascending order.</summary>
    internal Tensor Values { get; }

    /// <summary>Their eigenvectors <c>[M, N, N]</c>, in columns.</summary>
    internal Tensor Vectors { get; }

    /// <summary>The mean of the whole, <c>[N]</c>.</summary>
    public Tensor Mean()
    {
        using var scope = NewDisposeScope();
        return einsum("m,mn->n", tensor(Weights.ToArray()), Means).MoveToOuterDisposeScope();
    }

    /// <summary>The covariance of the whole, <c>[N, N]</c>.</summary>
    public Tensor Covariance()
    {
        using var scope = NewDisposeScope();
        var weights = tensor(Weights.ToArray());
        var apart = Means - Mean();
        return (einsum("m,mij->ij", weights, Covariances) + einsum("m,mi,mj->ij", weights, apart, apart)).MoveToOuterDisposeScope();
    }

    /// <summary>Draws <c>[count, N]</c>.</summary>
    public Tensor Draw(int count, ulong seed)
    {
        using var scope = NewDisposeScope();
        var stream = new RandomStream(seed, 0x6D697874757265);
        var n = (int)Means.shape[1];
        var normals = new float[count * n];
        stream.FillNormal(normals);
        var chosen = Enumerable.Range(0, count).Select(_ => Choose(stream.NextUniform())).ToArray();
        var index = tensor(chosen);
        // The symmetric root of the covariance: it has none of the freedom that eigenvectors have, whose signs differ from processor to processor.
        var vectors = Vectors.index_select(0, index);
        var scaled = bmm(tensor(normals).to(float64).reshape(count, 1, n), vectors) * Values.sqrt().index_select(0, index).unsqueeze(1);
        var drawn = bmm(scaled, vectors.transpose(1, 2)).squeeze(1) + Means.index_select(0, index);
        return drawn.MoveToOuterDisposeScope();
    }

    /// <summary>The posterior given y = A x + noise of covariance R.</summary>
    /// <param name="measurement">A and R.</param>
    /// <param name="y">y, <c>[O]</c>.</param>
    public GaussianMixture Condition(DenseMeasurement measurement, Tensor y)
    {
        using var scope = NewDisposeScope();
        var (means, covariances, logs) = (new List<Tensor>(), new List<Tensor>(), new List<double>());
        for (var m = 0; m < Weights.Count; m++)
        {
            var (mean, covariance) = (Means[m], Covariances[m]);
            var cross = measurement.Matrix.mm(covariance); // A Σ, [O, N]
            var (values, vectors) = linalg.eigh(cross.mm(measurement.Matrix.t()) + measurement.Noise);
            var kept = values > Cutoff * values.max();
            var inverse = where(kept, 1 / values, zeros_like(values));
            var gain = (cross.t().mm(vectors) * inverse).mm(vectors.t()); // Σ Aᵀ (A Σ Aᵀ + R)⁺
            var residual = y - measurement.Matrix.mv(mean);
            var spectral = vectors.t().mv(residual);
            var logDeterminant = where(kept, values, ones_like(values)).log().sum();
            logs.Add(Math.Log(Weights[m]) - 0.5 * ((spectral.square() * inverse).sum() + logDeterminant).item<double>());
            means.Add(mean + gain.mv(residual));
            covariances.Add(covariance - gain.mm(cross));
        }
        var most = logs.Max();
        return new GaussianMixture([.. logs.Select(l => Math.Exp(l - most))], stack(means, 0), stack(covariances, 0));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in (Tensor[])[Means, Covariances, Values, Vectors])
            tensor.Dispose();
    }

    private long Choose(double uniform)
    {
        for (var m = 0; m < Weights.Count - 1; m++)
            if ((uniform -= Weights[m]) < 0)
                return m;
        return Weights.Count - 1;
    }
}
