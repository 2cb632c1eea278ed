using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>
/// A batch of known linear measurement operators H, one per sample (or one for all). An operator has no state that a call could change: the layout of the
/// input decides that of the output. To add one's own, derive from this class and give <see cref="Apply"/>, <see cref="Adjoint"/> and, unless conjugate
/// gradients are good enough, <see cref="PseudoInverse"/>.
/// </summary>
/// <remarks>Every method returns a fresh tensor that the caller owns, never disposes its inputs, and is differentiable.</remarks>
public abstract class LinearOperator : IDisposable
{
    /// <summary>Creates an operator for images of one shape.</summary>
    /// <param name="image">Shape of one image; feature images share its height, width and channels.</param>
    /// <param name="batchSize">Number of samples, or 1 when the same operator serves every sample.</param>
    /// <param name="measurementLength">O, the length of one measurement.</param>
    protected LinearOperator(ImageShape image, int batchSize, int measurementLength)
    {
        Image = image;
        BatchSize = batchSize;
        MeasurementLength = measurementLength;
    }

    /// <summary>Shape of one image.</summary>
    public ImageShape Image { get; }

    /// <summary>Number of samples, or 1 when the same operator serves every sample.</summary>
    public int BatchSize { get; }

    /// <summary>O, the length of one measurement.</summary>
    public int MeasurementLength { get; }

    /// <summary>The measurement as an image, where it is one (a masked, blurred, small or grey image), else null.</summary>
    public virtual ImageShape? MeasurementShape => null;

    /// <summary>
    /// How much longer noise is in the measurement than in pixels: 1, or √n where the measurement is an unnormalised spectrum of n pixels. The norm of a
    /// residual divided by it is in units of the images; what is in a single number, <see cref="NoiseVariance"/> says.
    /// </summary>
    public virtual double NoiseGain => 1;

    /// <summary>y = H x for k image-like groups of each sample: <c>[B, k, C, H, W]</c> → <c>[B, k, O]</c>.</summary>
    public abstract Tensor Apply(Tensor images);

    /// <summary>x = Hᵀ y: <c>[B, k, O]</c> → <c>[B, k, C, H, W]</c>.</summary>
    public abstract Tensor Adjoint(Tensor measurements);

    /// <summary>x = H⁺ y, the Moore-Penrose pseudo-inverse, damped where σ_y &gt; 0: <c>[B, k, O]</c> → <c>[B, k, C, H, W]</c>.</summary>
    /// <param name="measurements">Measurements <c>[B, k, O]</c>.</param>
    /// <param name="sigmaY">Standard deviation of the measurement noise, in units of the images.</param>
    public virtual Tensor PseudoInverse(Tensor measurements, double sigmaY = 0) =>
        ConjugateGradients.PseudoInverse(this, measurements, sigmaY);

    /// <summary>
    /// The operator with a pseudo-inverse that is exact on images. It is this operator itself, except for Fourier operators, whose own
    /// <see cref="PseudoInverse"/> (the one the network is trained with) is exact only on their doubled canvas. The result shares this operator's tensors.
    /// </summary>
    public virtual LinearOperator Exact => this;

    /// <summary>
    /// The best linear estimate of a picture from its measurement, C Hᵀ(H C Hᵀ + σ_y²)⁻¹y, where C is the covariance of pictures in general (<see cref="CosinePrior"/>):
    /// smooth where H⁺y is zero or rings. <c>[B, k, O]</c> → <c>[B, k, C, H, W]</c>. Computed in double and to convergence. Not differentiable.
    /// </summary>
    /// <param name="measurements">Measurements <c>[B, k, O]</c>.</param>
    /// <param name="sigmaY">Standard deviation of the measurement noise in units of the images, <c>[B]</c> or <c>[1]</c>; null is 0.</param>
    public virtual Tensor LinearEstimate(Tensor measurements, Tensor? sigmaY = null)
    {
        RequireMeasurements(measurements);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var pause = CollectionPause.Begin();
        var y = measurements.detach().to_type(ScalarType.Float64);
        var sigma = (sigmaY ?? zeros([1], device: y.device)).to_type(y.dtype);
        using var prior = new CosinePrior(Image, y.dtype, y.device);
        var noise = sigma.clamp_min(JointEstimate.NoiseFloor);
        var x = cat([.. y.split(1, 1).Select(group => PriorMean(prior, group, noise))], 1);
        return Completed(x, y, sigma).to_type(measurements.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// The linear estimate as networks are trained with it: after a few steps, in the type of the measurements, under <see cref="PicturePrior"/>. Where few steps are
    /// far from it (<see cref="FewSteps"/>), it is <see cref="LinearEstimate(Tensor, Tensor)"/>.
    /// </summary>
    /// <param name="measurements">Measurements <c>[B, k, O]</c>.</param>
    /// <param name="steps">Steps of conjugate gradients at most; 20 come near enough for pictures.</param>
    /// <param name="sigmaY">Standard deviation of the measurement noise in units of the images, <c>[B]</c> or <c>[1]</c>; null is 0.</param>
    public virtual Tensor LinearEstimate(Tensor measurements, int steps, Tensor? sigmaY = null)
    {
        if (!FewSteps)
            return LinearEstimate(measurements, sigmaY);
        RequireMeasurements(measurements);
        using var turn = TorchTurn.Take();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var pause = CollectionPause.Begin();
        var y = measurements.detach().to_type(measurements.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32);
        var sigma = (sigmaY ?? zeros([1], device: y.device)).to_type(y.dtype);
        var x = EstimateFromPrior(y, steps, sigma);
        return Completed(x, y, sigma).to_type(measurements.dtype).MoveToOuterDisposeScope();
    }

    // What the steps have not reached yet; where there is noise, it is that.
    private Tensor Completed(Tensor x, Tensor y, Tensor sigma)
    {
        var exact = sigma.eq(0).view(-1, 1, 1, 1, 1);
        if (!exact.any().item<bool>())
            return x;
        var missing = PseudoInverse(y - Apply(x));
        return x + where(exact, missing, zeros_like(missing));
    }

    /// <summary>Whether some 20 steps come near the linear estimate, as those that networks are trained with do; where HHᵀ is far from a multiple of the identity they do not.</summary>
    internal virtual bool FewSteps => OrthogonalRows;

    /// <summary>The converged linear estimate <c>[B, 1, C, H, W]</c> of measurements <c>[B, 1, O]</c> in double, for σ_y &gt; 0 <c>[B or 1]</c>. May leave temporaries.</summary>
    internal virtual Tensor PriorMean(CosinePrior prior, Tensor measurements, Tensor sigmaY)
    {
        var variances = prior.Variances.unsqueeze(0).unsqueeze(0);
        var problem = new JointProblem
        {
            Prior = prior,
            Variances = variances,
            Mean = zeros_like(variances).expand(measurements.shape[0], -1, -1, -1, -1),
            Measurements = measurements,
            SigmaY = sigmaY,
            Limits = SolverLimits.Converged,
        };
        return prior.Inverse(JointCorrection(problem));
    }

    /// <summary><see cref="LinearEstimate(Tensor, int, Tensor)"/> of float32 or double measurements, without its last step. May leave temporaries.</summary>
    internal virtual Tensor EstimateFromPrior(Tensor measurements, int steps, Tensor sigmaY)
    {
        using var prior = new PicturePrior(Image, measurements.dtype, measurements.device);
        // Where H's rows are orthonormal, H C⁻¹Hᵀ is nearly (H C Hᵀ)⁻¹.
        var precondition = OrthogonalRows ? r => Apply(prior.Divide(Adjoint(r))) : (Func<Tensor, Tensor>?)null;
        return LinearEstimator.Solve(Apply, Adjoint, prior, measurements, sigmaY * NoiseGain, steps, precondition);
    }

    /// <summary>
    /// The coefficients of the mean of x₀ given x_t and y, <c>[B, 1, C, H, W]</c>: see <see cref="JointProblem"/>. By conjugate gradients unless overridden. Without
    /// autograd; may leave temporaries.
    /// </summary>
    internal virtual Tensor JointCorrection(JointProblem problem)
    {
        var residual = problem.Measurements - Apply(problem.MeanImages());
        var noise = problem.NoiseVariance(3, NoiseGain);
        // Where H's rows are orthonormal, H(P + σ_y²)⁻¹Hᵀ is nearly (H P Hᵀ + σ_y²)⁻¹.
        var inverse = 1 / (problem.Variances + problem.NoiseVariance(5));
        var precondition = OrthogonalRows ? r => Apply(problem.Filter(Adjoint(r), inverse)) : (Func<Tensor, Tensor>?)null;
        var u = problem.Solve(v => Apply(problem.Multiply(Adjoint(v))) + v * noise, residual, precondition);
        return problem.Corrected(Adjoint(u));
    }

    /// <summary>Hᵀy for y whose noise counts as in pixels (divided by <see cref="NoiseGain"/>²): <c>[B, k, O]</c> → <c>[B, k, C, H, W]</c>.</summary>
    internal virtual Tensor Backproject(Tensor measurements)
    {
        using var scope = NewDisposeScope();
        return (Adjoint(measurements) / (NoiseGain * NoiseGain)).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// The diagonal of HᵀH, noise counting as in pixels, float32 <c>[B or 1, C, H, W]</c>: estimated by random signs (Hutchinson), which is exact where HᵀH is diagonal.
    /// </summary>
    /// <param name="device">Where the operator lives.</param>
    internal virtual Tensor ColumnEnergy(Device device)
    {
        const int Probes = 32;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var generator = new Generator(1);
        long[] shape = [1, Probes, Image.Channels, Image.Height, Image.Width];
        var signs = (randint(0, 2, shape, dtype: ScalarType.Float32, generator: generator).to(device) * 2 - 1).expand(
            BatchSize,
            -1,
            -1,
            -1,
            -1
        );
        return (Backproject(Apply(signs)) * signs).mean([1]).clamp_min(0).MoveToOuterDisposeScope();
    }

    /// <summary>Whether HHᵀ is near a multiple of the identity, so that <see cref="LinearEstimate(Tensor, Tensor)"/> may count on it; true unless overridden.</summary>
    protected internal virtual bool OrthogonalRows => true;

    /// <summary>Computes a feature degradation at once, without unfolding the tokens.</summary>
    /// <returns>Whether it did; if not, nothing is written and the caller goes step by step.</returns>
    internal virtual bool Fuse(in FeatureFusion fusion) => false;

    /// <summary>Whether <see cref="Fuse"/> and the way back through it, <see cref="FuseBack"/>, are there for features of this shape and this type of products.</summary>
    internal virtual bool FusesBack(ImageShape image, ScalarType dtype) => false;

    /// <summary>The way back through <see cref="Fuse"/>.</summary>
    /// <param name="fusion">Its output takes the gradient of the tokens.</param>
    /// <param name="gradient">Of what was computed; float32, contiguous.</param>
    /// <param name="sums">Takes the gradients of W and b of each sample, <c>[B, m, m + 2]</c>, b last.</param>
    internal virtual void FuseBack(in FeatureFusion fusion, Tensor gradient, Tensor sums) => throw new NotSupportedException();

    /// <summary>The operator of some of the samples, in the given order, as a new operator that the caller owns.</summary>
    public abstract LinearOperator Select(params ReadOnlySpan<long> samples);

    /// <summary>
    /// Measurement noise of standard deviation 1 in pixels from independent standard normals, both <c>[B, k, O]</c>: the normals themselves, or where the
    /// measurement is a spectrum, the spectrum of an image of normals.
    /// </summary>
    public virtual Tensor Noise(Tensor normals) => normals.alias();

    /// <summary>
    /// The variance of each number of <see cref="Noise"/>, double <c>[B or 1, 1, O]</c>. It is zero where the operator measures nothing whatever the image (unobserved
    /// pixels, unused rows): a residual says nothing there.
    /// </summary>
    /// <param name="device">Where the operator lives.</param>
    public virtual Tensor NoiseVariance(Device device) => Measured(device);

    /// <summary>1 for each number that depends on the image and 0 for the others, double <c>[B or 1, 1, O]</c>.</summary>
    protected Tensor Measured(Device device)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var generator = new Generator(1);
        var any = rand([BatchSize, 1, Image.Channels, Image.Height, Image.Width], generator: generator).to(device); // a row of H that is not zero sees it
        return Apply(any).ne(0).to_type(ScalarType.Float64).MoveToOuterDisposeScope();
    }

    /// <summary>A measurement <c>[B, k, O]</c> as an image <c>[B, k, c, h, w]</c> for the eye, or null where it is none.</summary>
    public virtual Tensor? View(Tensor measurements) =>
        MeasurementShape is { } m
            ? measurements.reshape(measurements.shape[0], measurements.shape[1], m.Channels, m.Height, m.Width)
            : null;

    /// <summary>Shape of the images that <see cref="View"/> gives and <see cref="FromView"/> takes; null where a measurement is no image.</summary>
    public virtual ImageShape? ViewShape => MeasurementShape;

    /// <summary>
    /// The measurement that an image <c>[B, k, c, h, w]</c> of <see cref="ViewShape"/> shows, <c>[B, k, O]</c>: what was measured according to
    /// <see cref="View"/> is the image's own, the rest is the operator's best guess.
    /// </summary>
    /// <param name="picture">For example the blurred photo itself.</param>
    /// <param name="sigmaY">Standard deviation of its noise, in units of the images.</param>
    /// <exception cref="NotSupportedException">A measurement is no image.</exception>
    public virtual Tensor FromView(Tensor picture, double sigmaY = 0)
    {
        ArgumentNullException.ThrowIfNull(picture);
        return MeasurementShape is null
            ? throw new NotSupportedException($"{GetType().Name}: its measurement is no image")
            : picture.reshape(picture.shape[0], picture.shape[1], MeasurementLength);
    }

    /// <summary>
    /// Pixels of the image behind one pixel of the measurement along each axis, for an operator whose every measured pixel sees nothing but its own block of
    /// the image. Such an operator is local: it falls apart into <see cref="Window"/>s. Null for all others.
    /// </summary>
    public virtual int? WindowStep => null;

    /// <summary>A local operator for a window of the image alone, as a new operator that the caller owns.</summary>
    /// <param name="window">Starts and ends at multiples of <see cref="WindowStep"/>.</param>
    /// <exception cref="NotSupportedException">The operator is not local.</exception>
    public virtual LinearOperator Window(ImageWindow window) => throw NotLocal();

    /// <summary>The part of a measurement that belongs to a window: <c>[B, k, O]</c> → <c>[B, k, O of the window]</c>.</summary>
    /// <exception cref="NotSupportedException">The operator is not local.</exception>
    public virtual Tensor WindowOf(Tensor measurements, ImageWindow window)
    {
        var part = window.DividedBy(WindowStep ?? throw NotLocal());
        using var scope = NewDisposeScope();
        var view = View(measurements) ?? throw NotLocal();
        return view.narrow(-2, part.Top, part.Height).narrow(-1, part.Left, part.Width).flatten(2).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Checks an operator by random images and measurements: that H and Hᵀ give the shapes that they promise, finite numbers, that H is linear and that Hᵀ is its
    /// adjoint, ⟨Hx, y⟩ = ⟨x, Hᵀy⟩. <see cref="Restoration.Restorer"/> does so once for an operator that is not the project's own.
    /// </summary>
    /// <param name="device">Where the operator lives; the CPU when null.</param>
    /// <exception cref="ConfigurationException">It fails; the message names the operator, what is wrong and by how much.</exception>
    public void Check(Device? device = null) => OperatorCheck.Run(this, device ?? CPU);

    /// <summary>Whether this class, and those it is made of, are the project's: they need no check.</summary>
    internal virtual bool IsOwn => GetType().Assembly == typeof(LinearOperator).Assembly;

    /// <summary>A picture <c>[B, 1 or 3, h, w]</c> in [0, 1] that shows what the operator does (its mask or kernel), or null when there is none.</summary>
    public virtual Tensor? Picture() => null;

    /// <summary>Whether the operator's tensors are released.</summary>
    internal bool IsDisposed { get; private set; }

    /// <inheritdoc/>
    public void Dispose()
    {
        IsDisposed = true;
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases the operator's tensors.</summary>
    protected virtual void Dispose(bool disposing) { }

    /// <summary>A handle of the operator's own on a tensor's values; no dispose scope ends it.</summary>
    protected static Tensor Keep(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return tensor.detach().DetachFromDisposeScope();
    }

    /// <summary>The chosen samples of a tensor <c>[B or 1, …]</c>; null, or a tensor that serves every sample, leaves it as it is.</summary>
    protected static Tensor Pick(Tensor tensor, long[]? samples)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (samples is null || tensor.shape[0] == 1)
            return tensor.alias();
        using var index = TorchSharp.torch.tensor(samples, device: tensor.device);
        return tensor.index_select(0, index);
    }

    /// <summary>Refuses images of another layout than <c>[B, k, C, H, W]</c>: a wrong one would be mixed up silently.</summary>
    /// <exception cref="ObjectDisposedException">The operator or the tensor is disposed.</exception>
    protected void RequireImages(Tensor images)
    {
        ArgumentNullException.ThrowIfNull(images);
        RequireAlive(images, nameof(images));
        var s = images.shape;
        var fits =
            s.Length == 5 && (s[0] == BatchSize || BatchSize == 1) && s[2] == Image.Channels && s[3] == Image.Height && s[4] == Image.Width;
        if (!fits)
            throw new ArgumentException(
                $"{GetType().Name}: images are [{string.Join(", ", s)}], needed [{Batch}, k, {Image.Channels}, {Image.Height}, {Image.Width}]"
            );
    }

    /// <summary>Refuses measurements of another layout than <c>[B, k, O]</c>.</summary>
    /// <exception cref="ObjectDisposedException">The operator or the tensor is disposed.</exception>
    protected void RequireMeasurements(Tensor measurements)
    {
        ArgumentNullException.ThrowIfNull(measurements);
        RequireAlive(measurements, nameof(measurements));
        var s = measurements.shape;
        if (s.Length != 3 || (s[0] != BatchSize && BatchSize != 1) || s[2] != MeasurementLength)
            throw new ArgumentException(
                $"{GetType().Name}: measurements are [{string.Join(", ", s)}], needed [{Batch}, k, {MeasurementLength}]"
            );
    }

    private void RequireAlive(Tensor given, string name)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        TensorMemory.RequireAlive(given, name);
    }

    private NotSupportedException NotLocal() =>
        new($"{GetType().Name} is not local: what it measures of a part of the image depends on the rest");

    private string Batch => BatchSize == 1 ? "B" : $"{BatchSize}";
}
