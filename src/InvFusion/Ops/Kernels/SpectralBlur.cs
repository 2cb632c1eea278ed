using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Point = InvFusion.Ops.Kernels.ComplexLanes<double>;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// G, a strided blur on a doubled canvas, between two real images (real and imaginary part of one, H×W) and the spectra of what is measured of them (h×w), in double.
/// It and its adjoint cost a hundredth of what the same steps through libtorch do: all stays in the processor's own cache.
/// </summary>
/// <remarks>
/// A vector is eight rows of an image, <c>[H/8, W, 2, 8]</c>, or eight columns of a canvas or spectrum, <c>[columns/8, rows, 2, 8]</c>. Notation as in
/// <see cref="BlurJob"/>.
/// </remarks>
internal readonly unsafe struct SpectralBlur
{
    private const int Eight = 8;

    private readonly LaneFourier<double> _rows; // of W points
    private readonly LaneFourier<double> _columns; // of H points
    private readonly int _stride;
    private readonly double* _kernel; // F [2W/8, 2H, 2, 8]
    private readonly double* _canvas; // [2W/8, H + 1, 2, 8]: one row more, against a power of two between neighbours
    private readonly double* _even;
    private readonly double* _odd;

    /// <summary>Lays F out.</summary>
    /// <param name="rows">Transforms of W points.</param>
    /// <param name="columns">Transforms of H points.</param>
    /// <param name="stride">s.</param>
    /// <param name="half">F, <c>[2H, W+1, 2]</c>.</param>
    /// <param name="memory"><see cref="Memory"/> numbers.</param>
    public SpectralBlur(LaneFourier<double> rows, LaneFourier<double> columns, int stride, float* half, double* memory)
    {
        (_rows, _columns, _stride) = (rows, columns, stride);
        int width = 2 * rows.Length,
            height = 2 * columns.Length;
        _kernel = memory;
        _canvas = _kernel + 2 * width * height;
        _even = _canvas + 2 * width * (columns.Length + 1);
        _odd = _even + Math.Max(rows.Length, columns.Length) * Point.Size;
        for (var column = 0; column < width; column++)
        for (var row = 0; row < height; row++)
        {
            // The mean with the mirror image's conjugate: to the last bit, a real image stays one.
            var (a, b) = Entry(half, row, column);
            var (c, d) = Entry(half, (height - row) % height, (width - column) % width);
            var to = _kernel + ((column / Eight * height) + row) * Point.Size + column % Eight;
            (to[0], to[Eight]) = ((a + c) / 2, (b - d) / 2);
        }
    }

    /// <summary>Whether there is room for whole vectors.</summary>
    public static bool Fits(int height, int width, int stride) =>
        height % Eight == 0 && width % Eight == 0 && 2 * width / stride % Eight == 0;

    /// <summary>Numbers of memory that it works in.</summary>
    public static int Memory(int height, int width) =>
        8 * height * width + 4 * width * (height + 1) + 2 * Math.Max(height, width) * Point.Size;

    /// <summary>The Hermitian part of two channels' spectra, A + iB, in the layout of <see cref="Measure"/>.</summary>
    /// <param name="a">A, <c>[h, w, 2]</c>.</param>
    /// <param name="b">B, or null for 0.</param>
    /// <param name="rows">h.</param>
    /// <param name="columns">w.</param>
    /// <param name="to">Takes it.</param>
    public static void ReadPair<T>(T* a, T* b, int rows, int columns, double* to)
        where T : unmanaged, INumber<T>
    {
        for (var column = 0; column < columns; column++)
        for (var row = 0; row < rows; row++)
        {
            int here = 2 * (row * columns + column),
                there = 2 * ((rows - row) % rows * columns + (columns - column) % columns);
            var point = to + (column / Eight * rows + row) * Point.Size + column % Eight;
            point[0] = (Number(a, here) + Number(a, there)) / 2;
            point[Eight] = (Number(a, here + 1) - Number(a, there + 1)) / 2;
            if (b is null)
                continue;
            point[0] -= (Number(b, here + 1) - Number(b, there + 1)) / 2;
            point[Eight] += (Number(b, here) + Number(b, there)) / 2;
        }

        static double Number(T* from, int at) => double.CreateTruncating(from[at]);
    }

    /// <summary>The spectra of what is measured: the mean over the aliases of F·FFT(x).</summary>
    /// <param name="images">x.</param>
    /// <param name="spectra">z.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Measure(double* images, double* spectra)
    {
        int width = _rows.Length,
            height = _columns.Length,
            rows = 2 * height / _stride,
            blocks = 2 * width / _stride / Eight;
        var scale = Vector512.Create(1.0 / (_stride * _stride));
        for (var block = 0; block < height; block += Eight)
        {
            for (var column = 0; column < width; column++, images += Point.Size)
                Put(column, Point.Load(images).Times(scale), _rows);
            _rows.Forward(_even);
            _rows.Forward(_odd);
            for (var place = 0; place < width; place++)
            {
                Scatter(_even + place * Point.Size, CanvasColumn(2 * _rows.Order[place]) + block * Point.Size);
                Scatter(_odd + place * Point.Size, CanvasColumn(2 * _rows.Order[place] + 1) + block * Point.Size);
            }
        }
        new Span<double>(spectra, rows * blocks * Point.Size).Clear();
        for (var block = 0; block < 2 * width / Eight; block++)
        {
            var from = CanvasColumn(block * Eight);
            for (var row = 0; row < height; row++)
                Put(row, Point.Load(from + row * Point.Size), _columns);
            _columns.Forward(_even);
            _columns.Forward(_odd);
            double* kernel = _kernel + 2 * height * block * Point.Size,
                sums = spectra + block % blocks * rows * Point.Size;
            for (var place = 0; place < height; place++)
            {
                var frequency = 2 * _columns.Order[place];
                Add(_even + place * Point.Size, kernel, frequency, sums, rows);
                Add(_odd + place * Point.Size, kernel, frequency + 1, sums, rows);
            }
        }
    }

    /// <summary>The adjoint in pixels: IFFT(tile(z)·conj(F)), cropped.</summary>
    /// <param name="spectra">z.</param>
    /// <param name="images">x.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Project(double* spectra, double* images)
    {
        int width = _rows.Length,
            height = _columns.Length,
            rows = 2 * height / _stride,
            blocks = 2 * width / _stride / Eight;
        for (var block = 0; block < 2 * width / Eight; block++)
        {
            double* kernel = _kernel + 2 * height * block * Point.Size,
                from = spectra + block % blocks * rows * Point.Size;
            for (var place = 0; place < height; place++)
            {
                var frequency = 2 * _columns.Order[place];
                Take(from, rows, kernel, frequency).Store(_even + place * Point.Size);
                Take(from, rows, kernel, frequency + 1).Store(_odd + place * Point.Size);
            }
            _columns.Inverse(_even);
            _columns.Inverse(_odd);
            var to = CanvasColumn(block * Eight);
            for (var row = 0; row < height; row++)
                Joined(row, _columns).Store(to + row * Point.Size);
        }
        var scale = Vector512.Create(1.0 / (4 * height * width));
        for (var block = 0; block < height; block += Eight)
        {
            for (var place = 0; place < width; place++)
            {
                Gather(CanvasColumn(2 * _rows.Order[place]) + block * Point.Size, _even + place * Point.Size);
                Gather(CanvasColumn(2 * _rows.Order[place] + 1) + block * Point.Size, _odd + place * Point.Size);
            }
            _rows.Inverse(_even);
            _rows.Inverse(_odd);
            for (var column = 0; column < width; column++, images += Point.Size)
                Joined(column, _rows).Times(scale).Store(images);
        }
    }

    // The first number of a column of the canvas.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private double* CanvasColumn(int column) => _canvas + column / Eight * (_columns.Length + 1) * Point.Size + column % Eight;

    // Eight rows of one column: a vector to every point's place of that column.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scatter(double* vector, double* to)
    {
        for (var i = 0; i < Eight; i++, to += Point.Size)
            (to[0], to[Eight]) = (vector[i], vector[Eight + i]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Gather(double* from, double* vector)
    {
        for (var i = 0; i < Eight; i++, from += Point.Size)
            (vector[i], vector[Eight + i]) = (from[0], from[Eight]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Put(int place, Point point, LaneFourier<double> fourier)
    {
        point.Store(_even + place * Point.Size);
        point.Times(fourier.Twist + 2 * place).Store(_odd + place * Point.Size);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Point Joined(int place, LaneFourier<double> fourier) =>
        Point.Load(_even + place * Point.Size) + Point.Load(_odd + place * Point.Size).TimesConjugate(fourier.Twist + 2 * place);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(double* value, double* kernel, int frequency, double* sums, int rows)
    {
        var sum = sums + (frequency & (rows - 1)) * Point.Size;
        (Point.Load(sum) + Point.Load(value).Times(Point.Load(kernel + frequency * Point.Size))).Store(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Point Take(double* from, int rows, double* kernel, int frequency) =>
        Point.Load(from + (frequency & (rows - 1)) * Point.Size).TimesConjugate(Point.Load(kernel + frequency * Point.Size));

    // One number of the whole spectrum, of which the left half is stored.
    private (double Real, double Imaginary) Entry(float* half, int row, int column)
    {
        int width = _rows.Length,
            height = 2 * _columns.Length;
        var mirrored = column > width;
        var at = half + 2L * (mirrored ? (height - row) % height * (width + 1) + 2 * width - column : row * (width + 1) + column);
        return (at[0], mirrored ? -at[1] : at[1]);
    }
}
