using InvFusion.Ops.Kernels;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>A dense matrix: every number of the measurement is a weighted sum of the whole image.</summary>
public sealed class MatrixOperator : LinearOperator
{
    // Singular values below this fraction of the largest count as zero (rows of zeros, repeated rows).
    private const double Cutoff = 1e-6;

    private readonly Tensor _matrix; // [B, O, N]
    private readonly Tensor _values; // [B, O] eigenvalues of the Gram matrix HHᵀ, double
    private readonly Tensor _vectors; // [B, O, O] its eigenvectors, double
    private readonly Tensor _inverseGram; // [B, O, O] (HHᵀ)⁺, double
    private readonly bool _tikhonov;
    private Tensor? _lowPrecision;
    private PackedMatrix? _packed;
    private Tensor? _coefficients; // of the rows in the basis of the prior of images
    private MatrixOperator? _exact;

    /// <summary>Creates the operator from its rows.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="matrix">The rows <c>[B or 1, O, C·H·W]</c>; a sample with fewer measurements has rows of zeros.</param>
    public MatrixOperator(ImageShape image, Tensor matrix)
        : base(image, (int)Size(image, matrix)[0], (int)matrix.shape[1])
    {
        using var scope = NewDisposeScope();
        _matrix = Keep(matrix.to_type(ScalarType.Float32).contiguous());
        // Through the Gram matrix in double, H⁺ = Hᵀ(HHᵀ)⁺: a hundred times cheaper than the SVD of H.
        var (values, vectors) = linalg.eigh(Gram(_matrix));
        var inverse = where(values > Cutoff * Cutoff * values.amax([1], keepdim: true), 1 / values, zeros_like(values));
        _values = Keep(values);
        _vectors = Keep(vectors);
        _inverseGram = Keep(bmm(vectors * inverse.unsqueeze(1), vectors.transpose(1, 2)));
    }

    private MatrixOperator(MatrixOperator from, bool tikhonov, long[]? samples)
        : base(from.Image, from.BatchSize == 1 ? 1 : samples?.Length ?? from.BatchSize, from.MeasurementLength)
    {
        using var scope = NewDisposeScope();
        _matrix = Keep(Pick(from._matrix, samples));
        _values = Keep(Pick(from._values, samples));
        _vectors = Keep(Pick(from._vectors, samples));
        _inverseGram = Keep(Pick(from._inverseGram, samples));
        _tikhonov = tikhonov;
    }

    /// <summary>The rows <c>[B, O, C·H·W]</c>; the operator owns them.</summary>
    public Tensor Matrix => _matrix;

    /// <summary>The same operator, whose damping is Hᵀ(HHᵀ + σ_y²)⁻¹ instead of the network's H⁺/(1 + σ_y²), which is that for orthonormal rows only.</summary>
    public override LinearOperator Exact => _tikhonov ? this : _exact ??= new MatrixOperator(this, tikhonov: true, samples: null);

    /// <inheritdoc/>
    public override Tensor Apply(Tensor images)
    {
        RequireImages(images);
        using var scope = NewDisposeScope();
        var matrix = Matching(images.dtype);
        var (batch, k) = (images.shape[0], images.shape[1]);
        var columns = images.reshape(BatchSize == 1 ? 1 : batch, -1, Image.Length); // a shared operator sees one long batch
        return bmm(columns, matrix.transpose(1, 2)).reshape(batch, k, MeasurementLength).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor measurements)
    {
        RequireMeasurements(measurements);
        using var scope = NewDisposeScope();
        var (batch, k) = (measurements.shape[0], measurements.shape[1]);
        var rows = measurements.reshape(BatchSize == 1 ? 1 : batch, -1, MeasurementLength);
        return bmm(rows, Matching(measurements.dtype))
            .reshape(batch, k, Image.Channels, Image.Height, Image.Width)
            .MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <remarks>For σ_y &gt; 0 the network's form H⁺y/(1 + σ_y²); <see cref="Exact"/> has the general one.</remarks>
    public override Tensor PseudoInverse(Tensor measurements, double sigmaY = 0)
    {
        RequireMeasurements(measurements);
        using var scope = NewDisposeScope();
        var (batch, k) = (measurements.shape[0], measurements.shape[1]);
        var rows = measurements.reshape(BatchSize == 1 ? 1 : batch, -1, MeasurementLength).to_type(ScalarType.Float64);
        var solved = sigmaY > 0 && _tikhonov ? bmm(rows, Damped(sigmaY)) : bmm(rows, _inverseGram) / (1 + sigmaY * sigmaY);
        return Adjoint(solved.reshape(batch, k, MeasurementLength).to_type(measurements.dtype)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    internal override Tensor ColumnEnergy(Device device)
    {
        using var scope = NewDisposeScope();
        return _matrix.square().sum([1]).view(BatchSize, Image.Channels, Image.Height, Image.Width).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <remarks>Exactly, from the rows' own coefficients, which are computed once.</remarks>
    internal override Tensor JointCorrection(JointProblem problem)
    {
        var rows = Coefficients(problem.Prior); // G, [B or 1, O, N]
        var batch = problem.Mean.shape[0];
        var systems = new[] { rows, problem.Variances, problem.SigmaY }.Max(t => t.shape[0]); // 1 where all samples share one
        var variances = problem.Variances.flatten(1); // [B or 1, N]
        var weighted = (rows * variances.unsqueeze(1)).expand(systems, -1, -1); // G P
        var gram = bmm(weighted, rows.expand(systems, -1, -1).transpose(1, 2));
        // Rows that repeat each other are told apart by the noise alone, unless rounding is larger than that.
        var rounding = gram.diagonal(dim1: 1, dim2: 2).amax([1], keepdim: true) * (gram.dtype == ScalarType.Float64 ? 1e-14 : 1e-6);
        var system = gram + diag_embed((problem.NoiseVariance(2) + rounding).expand(systems, MeasurementLength));
        var shared = systems == 1 ? batch : 1; // right sides of one system
        var mean = problem.Mean.reshape(systems, shared, -1);
        var residual = problem.Measurements.reshape(systems, shared, -1) - bmm(mean, rows.expand(systems, -1, -1).transpose(1, 2));
        var u = PositiveSystems.Solve(system, residual); // [systems, shared, O]
        return (mean + bmm(u, weighted)).view(problem.Mean.shape);
    }

    /// <inheritdoc/>
    internal override bool Fuse(in FeatureFusion fusion)
    {
        if (!FusedMatrix.Takes(this, fusion))
            return false;
        FusedMatrix.Run(Packed(fusion.Type), _inverseGram, fusion);
        return true;
    }

    /// <inheritdoc/>
    internal override bool FusesBack(ImageShape image, ScalarType dtype) =>
        image == Image && _matrix.device_type == TorchSharp.DeviceType.CPU && PackedMatrix.Takes(dtype, image.Width);

    /// <inheritdoc/>
    internal override void FuseBack(in FeatureFusion fusion, Tensor gradient, Tensor sums) =>
        FusedMatrix.RunBack(Packed(fusion.Type), _inverseGram, fusion, gradient, sums);

    /// <inheritdoc/>
    public override LinearOperator Select(params ReadOnlySpan<long> samples) => new MatrixOperator(this, _tikhonov, samples.ToArray());

    /// <inheritdoc/>
    protected internal override bool OrthogonalRows => false;

    /// <inheritdoc/>
    internal override bool FewSteps => true;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _exact?.Dispose();
        _lowPrecision?.Dispose();
        _packed?.Dispose();
        _coefficients?.Dispose();
        foreach (var tensor in (Tensor[])[_matrix, _values, _vectors, _inverseGram])
            tensor.Dispose();
        base.Dispose(disposing);
    }

    private PackedMatrix Packed(ScalarType dtype)
    {
        if (_packed?.Type != dtype)
        {
            _packed?.Dispose();
            _packed = PackedMatrix.Create(_matrix, Image.Channels, Image.Height, Image.Width, dtype);
        }
        return _packed;
    }

    private Tensor Coefficients(CosinePrior prior)
    {
        var type = prior.Variances.dtype;
        if (_coefficients?.dtype != type)
        {
            _coefficients?.Dispose();
            var (c, h, w) = Image;
            _coefficients = Keep(prior.Transform(_matrix.to_type(type).view(_matrix.shape[0], -1, c, h, w)).view(_matrix.shape));
        }
        return _coefficients;
    }

    private static Tensor Gram(Tensor matrix)
    {
        if (FusedKernels.Take(FusedKernel.Gram, matrix))
            return GramKernel.Apply(matrix);
        using var scope = NewDisposeScope();
        var rows = matrix.to_type(ScalarType.Float64);
        return bmm(rows, rows.transpose(1, 2)).MoveToOuterDisposeScope();
    }

    private Tensor Damped(double sigmaY) =>
        bmm(_vectors * (1 / (_values.clamp_min(0) + sigmaY * sigmaY)).unsqueeze(1), _vectors.transpose(1, 2));

    // The copy in bfloat16 is made once: it costs as much as a product.
    private Tensor Matching(ScalarType type)
    {
        if (type == ScalarType.Float32)
            return _matrix;
        if (type == ScalarType.Float64)
            return _matrix.to_type(type);
        if (_lowPrecision is null || _lowPrecision.dtype != type)
        {
            _lowPrecision?.Dispose();
            _lowPrecision = Keep(_matrix.to_type(type));
        }
        return _lowPrecision;
    }

    private static long[] Size(ImageShape image, Tensor matrix)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        if (matrix.dim() != 3 || matrix.shape[2] != image.Length)
            throw new ArgumentException(
                $"the matrix is [{string.Join(", ", matrix.shape)}], needed [B, O, {image.Length}] for {image} images"
            );
        return matrix.shape;
    }
}
