using InvFusion.Runtime;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace InvFusion.Degradations;

/// <summary>Small symmetric positive definite systems by Cholesky's factors, in double.</summary>
/// <remarks>Not libtorch's solver: it factorises several matrices from several threads at once, and that hangs or errs on the CPU.</remarks>
internal static class PositiveSystems
{
    /// <summary>A⁻¹ b of every system, in the type of b.</summary>
    /// <param name="systems">A, <c>[S, n, n]</c>; only the lower triangle is read.</param>
    /// <param name="right">b, <c>[S, k, n]</c>.</param>
    public static Tensor Solve(Tensor systems, Tensor right)
    {
        using var scope = NewDisposeScope();
        var (count, k, n) = (systems.shape[0], (int)right.shape[1], (int)right.shape[2]);
        var a = TensorMemory.Numbers<double>(systems.to(ScalarType.Float64, CPU).contiguous());
        var b = TensorMemory.Numbers<double>(right.to(ScalarType.Float64, CPU).contiguous());
        Parallel.For(
            0,
            count,
            new ParallelOptions { MaxDegreeOfParallelism = get_num_threads() },
            s =>
            {
                var matrix = a.AsSpan((int)s * n * n, n * n);
                Factorise(matrix, n);
                for (var i = 0; i < k; i++)
                    Substitute(matrix, b.AsSpan(((int)s * k + i) * n, n));
            }
        );
        return tensor(b).reshape(count, k, n).to(right.dtype, right.device).MoveToOuterDisposeScope();
    }

    // A = L Lᵀ, in place in the lower triangle.
    private static void Factorise(Span<double> a, int n)
    {
        for (var j = 0; j < n; j++)
        {
            var row = a.Slice(j * n, j);
            var pivot = a[j * n + j] - TensorPrimitives.Dot<double>(row, row);
            if (!(pivot > 0))
                throw new ArithmeticException($"row {j} of {n}: the matrix is not positive definite");
            var root = a[j * n + j] = Math.Sqrt(pivot);
            for (var i = j + 1; i < n; i++)
                a[i * n + j] = (a[i * n + j] - TensorPrimitives.Dot<double>(a.Slice(i * n, j), row)) / root;
        }
    }

    // L z = b, then Lᵀ x = z, in place.
    private static void Substitute(ReadOnlySpan<double> l, Span<double> x)
    {
        var n = x.Length;
        for (var i = 0; i < n; i++)
            x[i] = (x[i] - TensorPrimitives.Dot<double>(l.Slice(i * n, i), x[..i])) / l[i * n + i];
        for (var i = n - 1; i >= 0; i--)
        {
            x[i] /= l[i * n + i];
            var before = x[..i];
            TensorPrimitives.MultiplyAdd(l.Slice(i * n, i), -x[i], before, before);
        }
    }
}
