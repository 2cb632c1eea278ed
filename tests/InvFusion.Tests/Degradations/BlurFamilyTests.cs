using InvFusion.Degradations;
using InvFusion.Runtime;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

/// <summary>Gaussian and disk kernels.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class BlurFamilyTests
{
    private static readonly ImageShape Image = new(3, 64, 64);

    [Fact]
    public void The_logarithm_of_a_Gaussian_s_width_is_uniform_between_its_bounds()
    {
        using var scope = NewDisposeScope();
        using var op = Draw(new GaussianBlurFamily(), Image, 300);
        Assert.Equal([300, 1, 33, 33], op.Kernel.shape);
        var logs = TensorAssert
            .Values(op.Kernel[.., 0, 16, 16] / op.Kernel[.., 0, 16, 17])
            .Select(r => -Math.Log(2 * Math.Log(r)) / 2)
            .ToArray();
        Assert.InRange(logs.Min(), Math.Log(0.499), Math.Log(0.52));
        Assert.InRange(logs.Max(), Math.Log(3.85), Math.Log(4.01));
        Assert.InRange(logs.Average(), 0.3466 - 0.14, 0.3466 + 0.14); // of √2, the middle; four standard errors
    }

    [Fact]
    public void The_radius_of_a_disk_is_uniform_between_its_bounds()
    {
        using var scope = NewDisposeScope();
        using var op = Draw(new DiskBlurFamily(), Image, 300);
        Assert.Equal([300, 1, 13, 13], op.Kernel.shape);
        // The pixel in the middle is covered, so that it has 1/(πr²).
        var radii = TensorAssert.Values(op.Kernel[.., 0, 6, 6]).Select(v => 1 / Math.Sqrt(Math.PI * v)).ToArray();
        Assert.InRange(radii.Min(), 0.9999, 1.1);
        Assert.InRange(radii.Max(), 5.9, 6.0001);
        Assert.InRange(radii.Average(), 3.16, 3.84); // of U(1, 6): 3.5, four standard errors
    }

    [Theory]
    [InlineData("gaussian", 64, 64)]
    [InlineData("gaussian", 8, 8)]
    [InlineData("gaussian:sigma=30", 12, 20)]
    [InlineData("disk", 64, 64)]
    [InlineData("disk", 8, 13)]
    [InlineData("disk", 1, 2)]
    public void Kernels_are_odd_symmetric_positive_and_sum_to_one(string spec, int height, int width)
    {
        using var scope = NewDisposeScope();
        using var op = (FourierOperator)DegradationSpec.Parse(spec).Build(new(1, height, width), batch: 6);
        var kernel = op.Kernel;
        Assert.True(kernel.shape[2] % 2 == 1 && kernel.shape[2] <= height && kernel.shape[3] % 2 == 1 && kernel.shape[3] <= width);
        Close.To(ones(6), kernel.sum([1, 2, 3]), 1e-6);
        Assert.True(kernel.min().item<float>() >= 0);
        Assert.True(kernel.flip(-1).Equals(kernel) && kernel.flip(-2).Equals(kernel));
        Close.To(kernel.amax([2, 3]), kernel[.., .., kernel.shape[2] / 2, kernel.shape[3] / 2], 1e-6);
        if (height == width)
            Assert.True(kernel.transpose(-1, -2).Equals(kernel));
    }

    [Fact]
    public void A_Gaussian_depends_on_the_distance_alone_and_has_its_width()
    {
        using var scope = NewDisposeScope();
        var kernel = tensor(BlurKernel.Gaussian(2, 17, 17)).reshape(17, 17);
        Assert.Equal(kernel[8, 13].item<float>(), kernel[11, 12].item<float>(), 1e-9); // 5 = √(3² + 4²)
        var offsets = arange(-8, 9, dtype: ScalarType.Float32);
        Assert.Equal(4, (kernel.sum([0]) * offsets.square()).sum().item<float>(), 0.01); // σ², but for what is cut at four σ
    }

    [Theory, InlineData(0.3), InlineData(1.0), InlineData(2.3), InlineData(5.5), InlineData(6.0)]
    public void A_disk_s_taps_are_areas(double radius)
    {
        const int Fine = 200;
        var kernel = BlurKernel.Disk(radius, 13, 13);
        var area = Math.PI * radius * radius;
        for (var y = 0; y < 13; y++)
        for (var x = 0; x < 13; x++)
        {
            var inside = 0;
            for (var j = 0; j < Fine; j++)
            for (var i = 0; i < Fine; i++)
            {
                double dx = x - 6.5 + (i + 0.5) / Fine,
                    dy = y - 6.5 + (j + 0.5) / Fine;
                inside += dx * dx + dy * dy < radius * radius ? 1 : 0;
            }
            // Counted: right up to the circle's length in fine cells, at most.
            Assert.Equal(inside / (double)(Fine * Fine), kernel[y * 13 + x] * area, 1e-3);
        }
    }

    [Theory, InlineData("gaussian:sigma=1.2"), InlineData("disk:radius=3"), InlineData("gaussian"), InlineData("disk")]
    public void A_blur_does_not_move_the_image_and_keeps_its_light(string spec)
    {
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse(spec).Build(new(1, 32, 32), batch: 1);
        var point = zeros([1, 1, 1, 32, 32]);
        point[0, 0, 0, 15, 18] = 1;
        var view = op.View(op.Apply(point))!;
        Assert.Equal([1, 1, 1, 32, 32], view.shape);
        var places = arange(32, dtype: ScalarType.Float32);
        Assert.Equal(15, (view.sum([0, 1, 2, 4]) * places).sum().item<float>(), 0.02); // the centre of its light
        Assert.Equal(18, (view.sum([0, 1, 2, 3]) * places).sum().item<float>(), 0.02);
        Assert.Equal(view[0, 0, 0, 12, 18].item<float>(), view[0, 0, 0, 18, 18].item<float>(), 1e-6);
        Assert.Equal(view[0, 0, 0, 15, 16].item<float>(), view[0, 0, 0, 15, 20].item<float>(), 1e-6);
        Assert.Equal(1, view.sum().item<float>(), 1e-3);
        Assert.Equal(1, op.View(op.Apply(ones([1, 1, 1, 32, 32])))![0, 0, 0, 16, 16].item<float>(), 2e-3);
    }

    private static FourierOperator Draw(DegradationFamily family, ImageShape image, int batch) =>
        (FourierOperator)
            family.Draw(image, [.. Enumerable.Range(0, batch).Select(i => new RandomStream(1, (ulong)i))], new RandomStream(2));
}
