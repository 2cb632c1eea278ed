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

    private readonly void ReadMeasurement(int item, int pair, double* to)
    {
        var plane = 2 * EntryRows * EntryColumns;
        var a = Measurements + ((long)item * Channels + 2 * pair) * plane;
        SpectralBlur.ReadPair(a, 2 * pair + 1 < Channels ? a + plane : null, EntryRows, EntryColumns, to);
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

        // Every pair has the same weights, and a point's real and imaginary parts share them; a spectrum's length is a power of two.
        private int Repeat => spectra / pairs;

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
            DoubleVectors.Add(_r, -1, _q, images);
            Solve(images, null, steps, ofImages: true);
            DoubleVectors.Add(x, 1, vectors, images);
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
                var curvature = DoubleVectors.Dot(_p, _q, length);
                var alpha = curvature > 0 ? rho / curvature : 0;
                DoubleVectors.Add(vectors, alpha, _p, length);
                DoubleVectors.Add(_r, -alpha, _q, length);
                var next = DoubleVectors.Norm(_r, weights, Repeat, length);
                DoubleVectors.Turn(_p, next / rho, _r, weights, Repeat, length);
                rho = next;
            }
        }

        private double Direction(double* weights, double beta, int length)
        {
            DoubleVectors.Turn(_p, beta, _r, weights, Repeat, length);
            return DoubleVectors.Norm(_r, weights, Repeat, length);
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
            DoubleVectors.Add(_q, damping, _p, length);
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
    }
}
