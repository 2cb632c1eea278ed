using InvFusion.Degradations;
using InvFusion.Tests.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

/// <summary>What a user's kernel means: a convolution, centred on the tap at ⌊side/2⌋, with what the border says beyond the frame.</summary>
[Collection(TorchTests.Collection)]
public sealed class FramedBlurTests
{
    public static TheoryData<int, int, int, BlurBorder> Kernels =>
        [
            .. from sides in new[] { (1, 1), (3, 3), (4, 4), (5, 2), (2, 9), (8, 7), (12, 16) }
            from stride in new[] { 1, 2, 4 }
            from border in Enum.GetValues<BlurBorder>()
            where border != BlurBorder.Valid || sides.Item1 < 12
            select new TheoryDataRow<int, int, int, BlurBorder>(sides.Item1, sides.Item2, stride, border),
        ];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void It_is_the_sum_over_the_taps(int kh, int kw, int stride, BlurBorder border)
    {
        using var scope = NewDisposeScope();
        var image = new ImageShape(2, 12, 16);
        var (x, psf) = (Close.Normals(1, 1, 1, 2, 12, 16), Close.Normals(2, 1, 1, kh, kw));
        using var op = new FramedBlur(image, psf, border, stride);
        var measured = op.View(op.Apply(x))!;
        Assert.Equal([1, 1, 2, 12 / stride, 16 / stride], measured.shape);
        for (var row = 0; row < 12; row += stride)
        for (var column = 0; column < 16; column += stride)
            Assert.Equal(Expected(x, psf, row, column, border), measured[0, 0, 1, row / stride, column / stride].item<float>(), 1e-4);
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void With_zeros_the_spectrum_s_picture_is_the_same(int kh, int kw, int stride, BlurBorder border)
    {
        if (border != BlurBorder.Zero)
            return;
        using var scope = NewDisposeScope();
        var image = new ImageShape(2, 12, 16);
        // Smooth and positive, or the operator's threshold would leave out parts of its spectrum.
        var (x, psf) = (Close.Normals(1, 1, 1, 2, 12, 16), Close.Normals(2, 1, 1, kh, kw).abs());
        using var op = FourierOperator.Convolution(image, psf, stride);
        using var framed = new FramedBlur(image, psf, border, stride);
        Close.To(framed.View(framed.Apply(x))!, op.View(op.Apply(x))!, 2e-3);
    }

    [Fact]
    public void A_dot_becomes_the_kernel_as_the_file_has_it()
    {
        using var scope = NewDisposeScope();
        var psf = zeros([1, 1, 5, 5]);
        psf[0, 0, 2..5, 2] = 0.2f; // an L that was turned: one arm down, one to the right
        psf[0, 0, 2, 2..5] = 0.2f;
        var dot = zeros([1, 1, 1, 16, 16]);
        dot[0, 0, 0, 7, 6] = 1;
        foreach (var border in Enum.GetValues<BlurBorder>())
        {
            using var op = new FramedBlur(new(1, 16, 16), psf, border);
            Close.To(psf[0, 0], op.View(op.Apply(dot))![0, 0, 0, 5..10, 4..9], 1e-6);
        }
        using var spectrum = FourierOperator.Convolution(new(1, 16, 16), psf);
        Close.To(psf[0, 0], spectrum.View(spectrum.Apply(dot))![0, 0, 0, 5..10, 4..9], 1e-3);
    }

    [Fact]
    public void What_is_not_known_does_not_count()
    {
        using var scope = NewDisposeScope();
        using var op = new FramedBlur(new(1, 10, 10), ones([1, 1, 3, 3]) / 9, BlurBorder.Valid);
        using var separable = SeparableBlur.Uniform(new(1, 10, 10), 3, BlurBorder.Valid);
        foreach (var blur in new LinearOperator[] { op, separable })
        {
            Assert.Equal(64, blur.NoiseVariance(CPU).sum().item<double>());
            var photo = ones([1, 1, 1, 10, 10]);
            var taken = blur.View(blur.FromView(photo))!;
            Assert.Equal((64, 0), (taken.sum().item<float>(), taken[0, 0, 0, 0, 0].item<float>()));
            Assert.Equal(64, blur.Noise(ones([1, 1, 100])).sum().item<float>());
        }
        Close.To(op.Apply(Close.Normals(1, 1, 1, 1, 10, 10)), separable.Apply(Close.Normals(1, 1, 1, 1, 10, 10)), 1e-6);
        var error = Assert.Throws<ArgumentException>(() => SeparableBlur.Uniform(new(1, 10, 10), 11, BlurBorder.Valid));
        Assert.Contains("11 pixels wide, the image 10", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(BlurBorder.Reflect)]
    [InlineData(BlurBorder.Valid)]
    [InlineData(BlurBorder.Periodic)]
    public void Large_images_are_inverted_as_small_ones_are(BlurBorder border)
    {
        using var scope = NewDisposeScope();
        var psf = Close.Normals(3, 1, 1, 5, 3).abs();
        using var op = new FramedBlur(new(2, 32, 24), psf / psf.sum(), border); // of more pixels than are decomposed
        var x = Close.Normals(1, 1, 1, 2, 32, 24);
        var y = op.Apply(x);
        Close.To(y, op.Apply(op.Exact.PseudoInverse(y)), 1e-2, "H H⁺ H = H");
        var damped = op.Exact.PseudoInverse(y.@double(), 0.1);
        Close.To(op.Adjoint(y.@double()), op.Adjoint(op.Apply(damped)) + damped * 0.01, 1e-3, "damped");
    }

    // By the definition, y[n] = Σ psf[t] x[n + c - t].
    private static float Expected(Tensor x, Tensor psf, int row, int column, BlurBorder border)
    {
        var (kh, kw) = ((int)psf.shape[2], (int)psf.shape[3]);
        var sum = 0f;
        for (var i = 0; i < kh; i++)
        for (var j = 0; j < kw; j++)
        {
            var (r, c) = (Place(row + kh / 2 - i, 12, border), Place(column + kw / 2 - j, 16, border));
            if (r is null || c is null)
            {
                if (border == BlurBorder.Valid)
                    return 0; // not measured
                continue;
            }
            sum += psf[0, 0, i, j].item<float>() * x[0, 0, 1, r.Value, c.Value].item<float>();
        }
        return sum;
    }

    private static int? Place(int at, int length, BlurBorder border)
    {
        if (at >= 0 && at < length)
            return at;
        return border switch
        {
            BlurBorder.Reflect => at < 0 ? -at : 2 * (length - 1) - at,
            BlurBorder.Periodic => at < 0 ? at + length : at - length,
            _ => null,
        };
    }
}
