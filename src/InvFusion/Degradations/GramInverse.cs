using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>(GGᵀ)⁺, or (GGᵀ + σ_y²)⁻¹, of a blur G whose measurement has few pixels, in double.</summary>
internal abstract class GramInverse : IDisposable
{
    /// <summary>The most pixels of a measurement for which GGᵀ is decomposed, so that every law of a pseudo-inverse holds.</summary>
    public const int LargestExact = 512;

    // Blur shrinks some directions to nothing: below this fraction of ‖G‖ they count as lost.
    private protected const double Cutoff = 1e-5;

    /// <summary>By eigenvectors up to <see cref="LargestExact"/> pixels, else by Cholesky's factors, which cost a twentieth.</summary>
    /// <param name="operators">B.</param>
    /// <param name="gram">GGᵀ of one operator, <c>[c, m, m]</c>; c is 1 where the channels share a kernel.</param>
    public static GramInverse Of(int operators, Func<int, Tensor> gram)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var all = stack([.. Enumerable.Range(0, operators).Select(One)], 0);
        return all.shape[3] <= LargestExact ? new Eigen(all) : new Cholesky(all);

        Tensor One(int i)
        {
            using var inner = NewDisposeScope();
            return gram(i).MoveToOuterDisposeScope();
        }
    }

    /// <summary>u for pixels <c>[B, k, C, h, w]</c>. Differentiable in them.</summary>
    /// <param name="pixels">Pixels of measurements, double.</param>
    /// <param name="sigmaY">Standard deviation of their noise.</param>
    public Tensor Solve(Tensor pixels, double sigmaY)
    {
        using var scope = NewDisposeScope();
        var (batch, k, channels) = (pixels.shape[0], pixels.shape[1], pixels.shape[2]);
        // One system for each operator and kernel, its right sides side by side: [B, c, ·, m].
        var (operators, kernels) = Systems;
        var flat = pixels.flatten(3).transpose(1, 2); // [B, C, k, m]
        if (kernels == 1)
            flat = flat.reshape(batch, 1, -1, flat.shape[3]);
        if (operators == 1)
            flat = flat.transpose(0, 1).reshape(1, kernels, -1, flat.shape[3]);
        var solved = SolveEach(flat.reshape(operators * kernels, -1, flat.shape[3]), sigmaY).view(operators, kernels, -1, flat.shape[3]);
        if (operators == 1)
            solved = solved.view(kernels, batch, -1, flat.shape[3]).transpose(0, 1);
        solved = solved.reshape(batch, channels, k, -1).transpose(1, 2);
        return solved.reshape(pixels.shape).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public abstract void Dispose();

    private protected abstract (long Operators, long Kernels) Systems { get; }

    // Of right sides [B·c, n, m].
    private protected abstract Tensor SolveEach(Tensor right, double sigmaY);

    private sealed class Eigen : GramInverse
    {
        private readonly Tensor _values; // [B, c, m]
        private readonly Tensor _vectors; // [B, c, m, m]

        public Eigen(Tensor gram)
        {
            var (values, vectors) = linalg.eigh(gram);
            (_values, _vectors) = (values.DetachFromDisposeScope(), vectors.DetachFromDisposeScope());
        }

        private protected override (long, long) Systems => (_values.shape[0], _values.shape[1]);

        private protected override Tensor SolveEach(Tensor right, double sigmaY)
        {
            var floor = Cutoff * Cutoff * _values.amax([-1], keepdim: true);
            var filter = where(_values > floor, 1 / (_values + sigmaY * sigmaY), zeros_like(_values)).flatten(0, 1).unsqueeze(1);
            var vectors = _vectors.flatten(0, 1);
            return bmm(bmm(right, vectors) * filter, vectors.transpose(1, 2));
        }

        public override void Dispose()
        {
            _values.Dispose();
            _vectors.Dispose();
        }
    }

    private sealed class Cholesky : GramInverse
    {
        private readonly Tensor _gram; // [B, c, m, m]
        private readonly Tensor _floor; // [B, c, 1, 1]
        private Tensor[]? _exact; // the factors for no noise

        public Cholesky(Tensor gram)
        {
            _gram = gram.DetachFromDisposeScope();
            // No eigenvalue is above the largest sum of a row.
            _floor = (gram.abs().sum(-1, keepdim: true).amax([2], keepdim: true) * (Cutoff * Cutoff)).DetachFromDisposeScope();
        }

        private protected override (long, long) Systems => (_gram.shape[0], _gram.shape[1]);

        private protected override Tensor SolveEach(Tensor right, double sigmaY)
        {
            var factors = sigmaY > 0 ? Factors(sigmaY) : _exact ??= [.. Factors(0).Select(f => f.DetachFromDisposeScope())];
            return stack([.. factors.Select((f, i) => cholesky_solve(right[i].t(), f).t())], 0);
        }

        // One after the other: libtorch runs several in threads that hang or err on the CPU.
        private Tensor[] Factors(double sigmaY)
        {
            using var noGrad = no_grad();
            var damped = _gram + eye(_gram.shape[3], dtype: _gram.dtype, device: _gram.device) * (_floor + sigmaY * sigmaY);
            return [.. damped.flatten(0, 1).unbind(0).Select(m => linalg.cholesky(m))];
        }

        public override void Dispose()
        {
            _gram.Dispose();
            _floor.Dispose();
            foreach (var factor in _exact ?? [])
                factor.Dispose();
        }
    }
}
