using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>The weights of UniPC for x₀ prediction with B₂(h) (Zhao et al., "UniPC", theorem 3.1 and appendix D for data prediction).</summary>
internal static class UniPcWeights
{
    private const int SeriesTerms = 24;

    /// <summary>w_m of Σ w_m (D_m - D), which stands for ∫₀ʰ e^{-(h-u)} (D(λ + u) - D(λ)) du.</summary>
    /// <param name="step">h, positive.</param>
    /// <param name="places">r_m: D_m is D at λ + r_m h; different from each other and from 0.</param>
    /// <remarks>
    /// Term k of D's Taylor series asks for Σ_m w_m (r_m h)ᵏ/k! = h^{k+1} φ_{k+1}(-h). With w_m = B(h) a_m/r_m this is the paper's R(h) a = φ(h)/B(h). Of one point alone
    /// the paper takes a = 1/2 and B₂(h) = 1 - e^{-h} in place of the solution, which keeps the order.
    /// </remarks>
    public static double[] Of(double step, double[] places)
    {
        if (places.Length == 0)
            return [];
        if (places.Length == 1)
            return [(1 - Math.Exp(-step)) / 2 / places[0]];
        var count = places.Length;
        var (matrix, right) = (new double[count, count], new double[count]);
        var factorial = 1.0;
        for (var k = 1; k <= count; k++)
        {
            factorial *= k;
            right[k - 1] = step * factorial * Phi(k + 1, step);
            for (var m = 0; m < count; m++)
                matrix[k - 1, m] = Math.Pow(places[m], k - 1);
        }
        using var scope = NewDisposeScope();
        var solution = linalg.solve(tensor(matrix), tensor(right)); // B(h) a
        return [.. places.Select((r, m) => solution[m].item<double>() / r)];
    }

    // φ_k(-h) = ∫₀¹ e^{-(1-r)h} r^{k-1}/(k-1)! dr: by φ_{k+1}(z) = (φ_k(z) - 1/k!)/z, and for small h, where that cancels, by Σ_j z^j/(j+k)!.
    internal static double Phi(int k, double step)
    {
        if (step >= 1)
        {
            var (phi, inverse) = (Math.Exp(-step), 1.0); // φ_0 and 1/0!
            for (var i = 0; i < k; i++)
            {
                phi = (phi - inverse) / -step;
                inverse /= i + 1;
            }
            return phi;
        }
        var term = 1.0;
        for (var i = 2; i <= k; i++)
            term /= i;
        var sum = 0.0;
        for (var j = 0; j < SeriesTerms; j++)
        {
            sum += term;
            term *= -step / (j + k + 1);
        }
        return sum;
    }
}
