using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>A matrix on the rows and one on the columns of every channel, the same for all samples: y = R x Kᵀ.</summary>
/// <remarks>Computed in double: blur loses so much that single precision would show in H⁺. H⁺ goes through the singular values of both matrices.</remarks>
public class SeparableOperator : LinearOperator
{
    // Products of singular values below this fraction of the largest count as lost.
    private const double Cutoff = 1e-5;

    private readonly Tensor[] _parts; // R [h, H], K [w, W] and their factors U [·, r], S [r], V [r, ·], all double

    /// <summary>Creates the operator.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="rows">R, <c>[h, H]</c>: mixes the rows of an image.</param>
    /// <param name="columns">K, <c>[w, W]</c>: mixes its columns.</param>
    /// <param name="device">Where the operator lives; the CPU when null.</param>
    public SeparableOperator(ImageShape image, double[,] rows, double[,] columns, Device? device = null)
        : base(image, 1, image.Channels * Outputs(rows, image.Height) * Outputs(columns, image.Width))
    {
        using var scope = NewDisposeScope();
        var (r, k) = (tensor(rows, device: device ?? CPU), tensor(columns, device: device ?? CPU));
        var (ur, sr, vr) = linalg.svd(r, fullMatrices: false);
        var (uk, sk, vk) = linalg.svd(k, fullMatrices: false);
        _parts = [.. new[] { r, k, ur, sr, vr, uk, sk, vk }.Select(Keep)];
        MeasurementShape = new ImageShape(image.Channels, (int)r.shape[0], (int)k.shape[0]);
        OrthogonalRows = Spread(sr) * Spread(sk) < 10;
        static double Spread(Tensor values) => values.max().item<double>() / values.min().item<double>();
    }

    private protected SeparableOperator(SeparableOperator from)
        : base(from.Image, 1, from.MeasurementLength)
    {
        using var scope = NewDisposeScope();
        _parts = [.. from._parts.Select(Keep)];
        MeasurementShape = from.MeasurementShape;
        OrthogonalRows = from.OrthogonalRows;
    }

    /// <inheritdoc/>
    public sealed override ImageShape? MeasurementShape { get; }

    /// <inheritdoc/>
    protected internal sealed override bool OrthogonalRows { get; }

    /// <inheritdoc/>
    public override Tensor Apply(Tensor images)
    {
        RequireImages(images);
        using var scope = NewDisposeScope();
        return Sides(images, _parts[0], _parts[1]).flatten(2).to_type(images.dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor measurements)
    {
        RequireMeasurements(measurements);
        using var scope = NewDisposeScope();
        return Sides(View(measurements)!, _parts[0].t(), _parts[1].t()).to_type(measurements.dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor PseudoInverse(Tensor measurements, double sigmaY = 0)
    {
        RequireMeasurements(measurements);
        using var scope = NewDisposeScope();
        var (ur, sr, vr, uk, sk, vk) = (_parts[2], _parts[3], _parts[4], _parts[5], _parts[6], _parts[7]);
        var values = sr.unsqueeze(1) * sk.unsqueeze(0); // the singular values of H, [r, r]
        var filter = where(values > Cutoff * values.amax([0, 1]), values / (values.square() + sigmaY * sigmaY), zeros_like(values));
        var spectral = Sides(View(measurements)!, ur.t(), uk.t()) * filter;
        return Sides(spectral, vr.t(), vk.t()).to_type(measurements.dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    internal override Tensor ColumnEnergy(Device device)
    {
        using var scope = NewDisposeScope();
        var energy = _parts[0].square().sum([0]).unsqueeze(1) * _parts[1].square().sum([0]); // [H, W]
        return energy.to(ScalarType.Float32, device).expand(1, Image.Channels, -1, -1).contiguous().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <remarks>
    /// All in cosine coefficients of the images and of the measurement, between which R and K are nearly a fold of frequencies (exactly that for means of blocks): the
    /// diagonal of H P Hᵀ is nearly all of it.
    /// </remarks>
    internal override Tensor JointCorrection(JointProblem problem)
    {
        var (channels, _, _) = problem.Prior.Bases;
        var (smallRows, smallColumns, left, right) = InCosines(problem.Prior);
        var y = CosinePrior.Mix(channels, CosineTransform.Sides(View(problem.Measurements)!, smallRows, smallColumns));
        var residual = y - CosineTransform.Sides(problem.Mean, left, right);
        var noise = problem.NoiseVariance(5);
        var diagonal = CosineTransform.Sides(problem.Variances, left.square(), right.square()) + noise;
        Tensor Back(Tensor v) => problem.Variances * CosineTransform.Sides(v, left.t(), right.t());
        var u = problem.Solve(v => CosineTransform.Sides(Back(v), left, right) + v * noise, residual, r => r / diagonal);
        return problem.Mean + Back(u);
    }

    // The cosine transforms of a measurement's rows and columns, and R and K between them and those of an image: [h, H] and [w, W].
    private (Tensor Rows, Tensor Columns, Tensor Left, Tensor Right) InCosines(CosinePrior prior)
    {
        var (_, rows, columns) = prior.Bases;
        var (smallRows, left) = OneSide(_parts[0], rows);
        var (smallColumns, right) = OneSide(_parts[1], columns);
        return (smallRows, smallColumns, left, right);

        static (Tensor Small, Tensor Between) OneSide(Tensor matrix, Tensor basis)
        {
            // Rows that see nothing have no part in the transform of the others.
            var seen = matrix.abs().sum(1).gt(0).nonzero().squeeze(1);
            var small = CosineTransform.Matrix((int)seen.shape[0]).to(basis.dtype, basis.device);
            if (seen.shape[0] < matrix.shape[0])
                small = zeros(seen.shape[0], matrix.shape[0], dtype: basis.dtype, device: basis.device).index_copy(1, seen, small);
            return (small, small.mm(matrix.to_type(basis.dtype)).mm(basis.t()));
        }
    }

    /// <inheritdoc/>
    public override LinearOperator Select(params ReadOnlySpan<long> samples) => new SeparableOperator(this);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        foreach (var tensor in _parts)
            tensor.Dispose();
        base.Dispose(disposing);
    }

    // L x Mᵀ over the last two dimensions, in double.
    private static Tensor Sides(Tensor x, Tensor left, Tensor right)
    {
        var across = nn.functional.linear(x.to_type(ScalarType.Float64), right);
        return nn.functional.linear(across.transpose(-1, -2), left).transpose(-1, -2);
    }

    private static int Outputs(double[,] matrix, int inputs)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        if (matrix.GetLength(1) != inputs)
            throw new ArgumentException($"the matrix is {matrix.GetLength(0)}×{matrix.GetLength(1)}, needed outputs×{inputs}");
        return matrix.GetLength(0);
    }
}
