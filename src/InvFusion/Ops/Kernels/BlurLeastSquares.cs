using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using InvFusion.Runtime;
using Point = InvFusion.Ops.Kernels.ComplexLanes<double>;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// The conjugate gradients of a large blur's exact inverse, on <see cref="SpectralBlur"/>: preconditioned steps in the measurement, (GGᵀ + δ) u = y, then plain ones on
/// the images, (GᵀG + δ) x = Gᵀy. An item is a system, the channels of one measurement.
/// </summary>
/// <remarks>In the measurement all is done on spectra, where the preconditioner is a product; scalar products are those of pixels but for a constant.</remarks>
internal unsafe struct BlurLeastSquares : IRangeWork
{
    private const double Tolerance = 1e-10;

    [ThreadStatic]
    private static Scratch? t_scratch;

    /// <summary>y, <c>[B, k, C, h, w, 2]</c>.</summary>
    public double* Measurements;

    /// <summary>x, <c>[B, k, C, H, W]</c>.</summary>
    public double* Images;

    /// <summary>F, <c>[B or 1, 2H, W+1, 2]</c>.</summary>
    public float* Spectrum;

    /// <summary>The preconditioner's inverse, <c>[B or 1, h, w]</c>.</summary>
    public double* Strong;

    /// <summary>δ, <c>[B or 1]</c>.</summary>
    public double* Damping;

    /// <summary>Transforms of W points.</summary>
    public LaneFourier<double> Rows;

    /// <summary>Transforms of H points.</summary>
    public LaneFourier<double> Columns;

    /// <summary>s.</summary>
    public int Stride;

    /// <summary>C.</summary>
    public int Channels;

    /// <summary>k, or as many as there are in all where one blur serves every sample.</summary>
    public int SystemsOfBlur;

    /// <summary>Preconditioned steps.</summary>
    public int Steps;

    /// <summary>Plain steps.</summary>
    public int Polish;

    private readonly int EntryRows => 2 * Columns.Length / Stride;

    private readonly int EntryColumns => 2 * Rows.Length / Stride;

    /// <inheritdoc/>
    public readonly void Run(int start, int end)
    {
        int height = Columns.Length,
            width = Rows.Length,
            pairs = (Channels + 1) / 2,
            spectra = pairs * 2 * EntryRows * EntryColumns,
            images = pairs * 2 * height * width,
            longest = Math.Max(spectra, images),
            memory = SpectralBlur.Memory(height, width);
        var y = (double*)Scratch.Floats(ref t_scratch, 2L * (memory + spectra * 3 / 2 + images + 5L * longest));
        double* weights = y + spectra,
            x = weights + spectra / 2,
            vectors = x + images,
            blurs = vectors + 5 * longest;
        for (var item = start; item < end; item++)
        {
            var sample = item / SystemsOfBlur;
            var blur = new SpectralBlur(Rows, Columns, Stride, Spectrum + sample * 4L * height * (width + 1), blurs);
            var cg = new Solver(blur, pairs, spectra, images, Damping[sample], vectors, longest);
            ReadWeights(Strong + (long)sample * EntryRows * EntryColumns, weights);
            for (var pair = 0; pair < pairs; pair++)
                ReadMeasurement(item, pair, y + pair * (spectra / pairs));
            cg.InMeasurement(y, weights, x, Steps);
            cg.OnImages(y, x, Polish);
            for (var pair = 0; pair < pairs; pair++)
                WriteImages(x + pair * (images / pairs), item, pair);
        }
    }

    // 1/strong [w/8, h, 8]; symmetric to the last bit, so that the images of a pair stay apart.
    private readonly void ReadWeights(double* strong, double* to)
    {
        var (rows, columns) = (EntryRows, EntryColumns);
        for (var column = 0; column < columns; column++)
        for (var row = 0; row < rows; row++)
        {
            var other = (rows - row) % rows * columns + (columns - column) % columns;
            to[(column / 8 * rows + row) * 8 + column % 8] = 2 / (strong[row * columns + column] + strong[other]);
        }
    }

    // The Hermitian part of two channels' spectra, A + iB.
    private readonly void ReadMeasurement(int item, int pair, double* to)
    {
        var (rows, columns) = (EntryRows, EntryColumns);
        var plane = 2 * rows * columns;
        var a = Measurements + ((long)item * Channels + 2 * pair) * plane;
        var b = 2 * pair + 1 < Channels ? a + plane : null;
        for (var column = 0; column < columns; column++)
        for (var row = 0; row < rows; row++)
        {
            int here = 2 * (row * columns + column),
                there = 2 * ((rows - row) % rows * columns + (columns - column) % columns);
            var point = to + (column / 8 * rows + row) * Point.Size + column % 8;
            point[0] = (a[here] + a[there]) / 2;
            point[8] = (a[here + 1] - a[there + 1]) / 2;
            if (b is null)
                continue;
            point[0] -= (b[here + 1] - b[there + 1]) / 2;
            point[8] += (b[here] + b[there]) / 2;
        }
    }

    private readonly void WriteImages(double* from, int item, int pair)
    {
        var (height, width) = (Columns.Length, Rows.Length);
        for (var channel = 2 * pair; channel < Math.Min(Channels, 2 * pair + 2); channel++)
        {
            var to = Images + ((long)item * Channels + channel) * height * width;
            for (var row = 0; row < height; row++)
            for (var column = 0; column < width; column++)
                *to++ = from[(row / 8 * width + column) * Point.Size + 8 * (channel % 2) + row % 8];
        }
    }

    // One system. Vectors are z or x, r, p, q; the last is what lies between G and Gᵀ.
    private readonly struct Solver(SpectralBlur blur, int pairs, int spectra, int images, double damping, double* vectors, int longest)
    {
        private readonly double* _r = vectors + longest;
        private readonly double* _p = vectors + 2 * longest;
        private readonly double* _q = vectors + 3 * longest;
        private readonly double* _between = vectors + 4 * longest;

        /// <summary>x = Gᵀu.</summary>
        public void InMeasurement(double* y, double* weights, double* x, int steps)
        {
            new ReadOnlySpan<double>(y, spectra).CopyTo(new(_r, spectra));
            Solve(spectra, weights, steps, ofImages: false);
            Project(vectors, x);
        }

        /// <summary>Improves x.</summary>
        public void OnImages(double* y, double* x, int steps)
        {
            new ReadOnlySpan<double>(x, images).CopyTo(new(_p, images));
            Apply(ofImages: true, images);
            Project(y, _r);
            Add(_r, -1, _q, images);
            Solve(images, null, steps, ofImages: true);
            Add(x, 1, vectors, images);
        }

        // From the right side in r to the solution in the first vector, as ConjugateGradients.Solve does.
        private void Solve(int length, double* weights, int mostSteps, bool ofImages)
        {
            new Span<double>(vectors, length).Clear();
            new Span<double>(_p, length).Clear();
            var rho = Direction(weights, 0, length);
            var stop = rho * (Tolerance * Tolerance);
            for (var step = 0; step < mostSteps && rho > stop; step++)
            {
                Apply(ofImages, length);
                var curvature = Dot(_p, _q, length);
                var alpha = curvature > 0 ? rho / curvature : 0;
                Add(vectors, alpha, _p, length);
                Add(_r, -alpha, _q, length);
                var next = Norm(weights, length);
                Turn(weights, next / rho, length);
                rho = next;
            }
        }

        private double Direction(double* weights, double beta, int length)
        {
            Turn(weights, beta, length);
            return Norm(weights, length);
        }

        // q = (GGᵀ + δ) p or (GᵀG + δ) p.
        private void Apply(bool ofImages, int length)
        {
            if (ofImages)
            {
                Measure(_p, _between);
                Project(_between, _q);
            }
            else
            {
                Project(_p, _between);
                Measure(_between, _q);
            }
            Add(_q, damping, _p, length);
        }

        private void Measure(double* from, double* to)
        {
            for (var pair = 0; pair < pairs; pair++)
                blur.Measure(from + pair * (images / pairs), to + pair * (spectra / pairs));
        }

        private void Project(double* from, double* to)
        {
            for (var pair = 0; pair < pairs; pair++)
                blur.Project(from + pair * (spectra / pairs), to + pair * (images / pairs));
        }

        // p = β p + M r, where M is a diagonal or, without weights, nothing.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Turn(double* weights, double beta, int length)
        {
            var factor = Vector512.Create(beta);
            for (var i = 0; i < length; i += 8)
                Vector512.FusedMultiplyAdd(Vector512.Load(_p + i), factor, Vector512.Load(_r + i) * Weight(weights, i)).Store(_p + i);
        }

        // r·M r.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private double Norm(double* weights, int length)
        {
            var sum = Vector512<double>.Zero;
            for (var i = 0; i < length; i += 8)
            {
                var r = Vector512.Load(_r + i);
                sum = Vector512.FusedMultiplyAdd(r * r, Weight(weights, i), sum);
            }
            return Vector512.Sum(sum);
        }

        // Every pair has the same weights, and a point's real and imaginary parts share them; a spectrum's length is a power of two.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector512<double> Weight(double* weights, int i) =>
            weights is null ? Vector512<double>.One : Vector512.Load(weights + (i & (spectra / pairs - 1)) / Point.Size * 8);

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static double Dot(double* a, double* b, int length)
        {
            var sum = Vector512<double>.Zero;
            for (var i = 0; i < length; i += 8)
                sum = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), Vector512.Load(b + i), sum);
            return Vector512.Sum(sum);
        }

        // to += factor · from.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Add(double* to, double factor, double* from, int length)
        {
            var wide = Vector512.Create(factor);
            for (var i = 0; i < length; i += 8)
                Vector512.FusedMultiplyAdd(Vector512.Load(from + i), wide, Vector512.Load(to + i)).Store(to + i);
        }
    }
}
