using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>
/// Nearly orthogonal factors of matrices by matrix multiplications alone: a quintic Newton-Schulz iteration that brings every singular value near 1 and leaves the
/// singular vectors (Jordan et al. 2024, "Muon"). Its coefficients are chosen for speed near 0; it ends with singular values of about 0.7 to 1.2, not at 1.
/// </summary>
internal static class NewtonSchulz
{
    private const int Steps = 5;
    private const double A = 3.4445;
    private const double B = -4.7750;
    private const double C = 2.0315;

    /// <summary>X ← aX + (bG + cG²)X with G = XXᵀ, five times; from the right with G = XᵀX where that is smaller.</summary>
    /// <param name="matrices"><c>[k, r, c]</c>, of Frobenius norm 1 at most (singular values above 1.3 or so would grow without bound).</param>
    /// <returns><c>[k, r, c]</c> of the same type.</returns>
    public static Tensor Orthogonalize(Tensor matrices)
    {
        using var scope = NewDisposeScope();
        var tall = matrices.shape[1] > matrices.shape[2];
        var x = matrices;
        for (var step = 0; step < Steps; step++)
        {
            using var temporaries = NewDisposeScope();
            var transposed = x.transpose(1, 2);
            var gram = tall ? transposed.bmm(x) : x.bmm(transposed); // [k, s, s], s the smaller side
            // TorchSharp's b.baddbmm(c, a) is βa + αbc.
            var polynomial = gram.baddbmm(gram, gram, beta: (float)B, alpha: (float)C);
            var next = tall ? x.baddbmm(polynomial, x, beta: (float)A) : polynomial.baddbmm(x, x, beta: (float)A);
            if (step > 0)
                x.Dispose(); // a large temporary, not the caller's
            x = next.MoveToOuterDisposeScope();
        }
        return x.MoveToOuterDisposeScope();
    }
}
