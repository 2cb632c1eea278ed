using InvFusion.Runtime;
using Point = InvFusion.Ops.Kernels.ComplexLanes<double>;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// The dual of a blur's joint estimate, (G P Gᵀ + σ_y²) u = r, by preconditioned conjugate gradients on spectra, with G as <see cref="SpectralBlur"/>. In the basis of
/// the channels those are independent: an item is the first of them, whose variances are others than the rest's, or two of the rest.
/// </summary>
internal unsafe struct BlurDual : IRangeWork
{
    [ThreadStatic]
    private static Scratch? t_scratch;

    /// <summary>y in the basis of the channels, <c>[B, C, h, w, 2]</c>.</summary>
    public float* Measurements;

    /// <summary>m₀ in that basis, <c>[B, C, H, W]</c>.</summary>
    public float* Mean;

    /// <summary>Diagonal of P, <c>[B or 1, C, H, W]</c>.</summary>
    public float* Variances;

    /// <summary>Nearly the diagonal of G P Gᵀ + σ_y² on the canvas, <c>[B or 1, C, h, w]</c>.</summary>
    public float* Strong;

    /// <summary>σ_y², <c>[B or 1]</c>.</summary>
    public float* Noise;

    /// <summary>F, <c>[B or 1, 2H, W+1, 2]</c>.</summary>
    public float* Spectrum;

    /// <summary>A vector near u but for its length, as <see cref="Dual"/>, or null.</summary>
    public float* Start;

    /// <summary>The spectra of u, <c>[B, pairs, 2·h·w]</c> in the order of <see cref="SpectralBlur"/>.</summary>
    public float* Dual;

    /// <summary>Gᵀu in the basis of the channels, <c>[B, C, H, W]</c>.</summary>
    public float* Images;

    /// <summary>Over rows and columns.</summary>
    public PlaneTransform Transform;

    /// <summary>Transforms of W points.</summary>
    public LaneFourier<double> Rows;

    /// <summary>Transforms of H points.</summary>
    public LaneFourier<double> Columns;

    /// <summary>s.</summary>
    public int Stride;

    /// <summary>C.</summary>
    public int Channels;

    /// <summary>Whether one blur serves every sample.</summary>
    public bool SharedBlur;

    /// <summary>Whether all samples are at one σ.</summary>
    public bool SharedVariances;

    /// <summary>Whether <see cref="Strong"/> serves every sample.</summary>
    public bool SharedStrong;

    /// <summary>Whether all samples have one σ_y.</summary>
    public bool SharedNoise;

    /// <summary>Steps after which an item ends at the latest.</summary>
    public int MostSteps;

    /// <summary>Ends when the residual has fallen to this fraction, in the norm of the preconditioner.</summary>
    public double Tolerance;

    /// <summary>Items of a sample.</summary>
    public static int Pairs(int channels) => 1 + channels / 2;

    /// <inheritdoc/>
    public readonly void Run(int start, int end)
    {
        int height = Columns.Length,
            width = Rows.Length,
            rows = 2 * height / Stride,
            columns = 2 * width / Stride,
            pairs = Pairs(Channels),
            plane = height * width,
            entries = 2 * rows * columns;
        var doubles = 2L * plane + 5L * entries + entries / 2 + SpectralBlur.Memory(height, width);
        var memory = (double*)Scratch.Floats(ref t_scratch, 2 * doubles + 2L * plane);
        double* images = memory,
            vectors = images + 2 * plane,
            weights = vectors + 5 * entries,
            blurs = weights + entries / 2;
        var planes = (float*)(memory + doubles);
        for (var item = start; item < end; item++)
        {
            var (sample, pair) = Math.DivRem(item, pairs);
            int first = Math.Max(0, 2 * pair - 1),
                count = pair == 0 || first + 1 == Channels ? 1 : 2;
            var blur = new SpectralBlur(Rows, Columns, Stride, Spectrum + (SharedBlur ? 0 : sample * 4L * height * (width + 1)), blurs);
            var variances = Variances + ((SharedVariances ? 0L : (long)sample * Channels) + first) * plane;
            ReadWeights(Strong + ((SharedStrong ? 0L : (long)sample * Channels) + first) * (entries / 2), rows, columns, weights);
            var at = (long)sample * Channels + first;
            var system = new Solver(blur, Transform, variances, count, width, Noise[SharedNoise ? 0 : sample], weights, vectors, entries)
            {
                Images = images,
                Planes = planes,
            };
            SpectralBlur.ReadPair(
                Measurements + at * entries,
                count == 2 ? Measurements + (at + 1) * entries : null,
                rows,
                columns,
                system.Residual
            );
            system.SubtractMean(Mean + at * plane);
            system.Solve(Start is null ? null : Start + (long)item * entries, MostSteps, Tolerance);
            system.Write(Dual + (long)item * entries, Images + at * plane);
        }
    }

    // 1/strong [w/8, h, 8]; symmetric to the last bit, so that the channels of a pair stay apart.
    private static void ReadWeights(float* strong, int rows, int columns, double* to)
    {
        for (var column = 0; column < columns; column++)
        for (var row = 0; row < rows; row++)
        {
            var other = (rows - row) % rows * columns + (columns - column) % columns;
            to[(column / 8 * rows + row) * 8 + column % 8] = 2 / ((double)strong[row * columns + column] + strong[other]);
        }
    }

    // One item. Vectors are u, r, p, q and one more.
    private readonly struct Solver(
        SpectralBlur blur,
        PlaneTransform transform,
        float* variances,
        int channels,
        int width,
        double noise,
        double* weights,
        double* vectors,
        int length
    )
    {
        private readonly double* _p = vectors + 2 * length;
        private readonly double* _q = vectors + 3 * length;
        private readonly double* _other = vectors + 4 * length;

        /// <summary>A pair of images.</summary>
        public double* Images { get; init; }

        /// <summary>Two planes.</summary>
        public float* Planes { get; init; }

        /// <summary>r.</summary>
        public double* Residual { get; } = vectors + length;

        /// <summary>r -= G m₀.</summary>
        public void SubtractMean(float* mean)
        {
            for (var channel = 0; channel < 2; channel++)
                ToLanes(channel < channels ? mean + channel * transform.Length : null, channel);
            blur.Measure(Images, _other);
            DoubleVectors.Add(Residual, -1, _other, length);
        }

        public void Solve(float* start, int mostSteps, double tolerance)
        {
            new Span<double>(vectors, length).Clear();
            new Span<double>(_p, length).Clear();
            var rho = DoubleVectors.Norm(Residual, weights, length, length);
            var stop = rho * tolerance * tolerance;
            if (start is not null)
            {
                for (var i = 0; i < length; i++)
                    _p[i] = start[i];
                Apply();
                var curvature = DoubleVectors.Dot(_p, _q, length);
                Move(curvature > 0 ? DoubleVectors.Dot(_p, Residual, length) / curvature : 0);
                rho = DoubleVectors.Norm(Residual, weights, length, length);
            }
            DoubleVectors.Turn(_p, 0, Residual, weights, length, length);
            for (var step = 0; step < mostSteps && rho > stop; step++)
            {
                Apply();
                var curvature = DoubleVectors.Dot(_p, _q, length);
                Move(curvature > 0 ? rho / curvature : 0);
                var next = DoubleVectors.Norm(Residual, weights, length, length);
                DoubleVectors.Turn(_p, next / rho, Residual, weights, length, length);
                rho = next;
            }
        }

        /// <summary>u and Gᵀu.</summary>
        public void Write(float* dual, float* images)
        {
            for (var i = 0; i < length; i++)
                dual[i] = (float)vectors[i];
            blur.Project(vectors, Images);
            for (var channel = 0; channel < channels; channel++)
                FromLanes(channel, images + channel * transform.Length);
        }

        // q = (G P Gᵀ + σ_y²) p.
        private void Apply()
        {
            var between = Planes + transform.Length;
            blur.Project(_p, Images);
            for (var channel = 0; channel < channels; channel++)
            {
                FromLanes(channel, Planes);
                transform.Forward(Planes, between, Planes);
                transform.Scale(Planes, variances + channel * transform.Length);
                transform.Inverse(Planes, between, Planes);
                ToLanes(Planes, channel);
            }
            blur.Measure(Images, _q);
            DoubleVectors.Add(_q, noise, _p, length);
        }

        // u += step · p, r -= step · q.
        private void Move(double step)
        {
            DoubleVectors.Add(vectors, step, _p, length);
            DoubleVectors.Add(Residual, -step, _q, length);
        }

        private void FromLanes(int channel, float* to)
        {
            for (var i = 0; i < transform.Length; i++)
                to[i] = (float)Images[Place(i, channel)];
        }

        private void ToLanes(float* from, int channel)
        {
            for (var i = 0; i < transform.Length; i++)
                Images[Place(i, channel)] = from is null ? 0 : from[i];
        }

        private int Place(int pixel, int channel)
        {
            var (row, column) = Math.DivRem(pixel, width);
            return (row / 8 * width + column) * Point.Size + 8 * channel + row % 8;
        }
    }
}
