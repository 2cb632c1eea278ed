using InvFusion.Degradations;
using InvFusion.Runtime;
using InvFusion.Tests.Diffusion;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

[Collection(TorchTests.Collection)]
public sealed class DegradationFamilyTests
{
    private static readonly ImageShape Image = new(3, 32, 32);

    public static TheoryData<string> Names => [.. DegradationFamilies.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_family_draws_operators_of_every_shape(string name)
    {
        using var scope = NewDisposeScope();
        foreach (var shape in new[] { Image, new ImageShape(1, 8, 8), new ImageShape(3, 12, 20), new ImageShape(3, 7, 5) })
        foreach (var shared in new[] { false, true })
        {
            using var op = Draw(DegradationFamilies.Create(name, shared), shape, 2, 1);
            var x = Close.Normals(1, 2, 2, shape.Channels, shape.Height, shape.Width);
            var back = op.PseudoInverse(op.Apply(x));
            Assert.Equal(x.shape, back.shape);
            Assert.True(back.isfinite().all().item<bool>(), $"{shape}");
        }
    }

    [Fact]
    public void Matrices_keep_two_to_the_largest_number_of_unit_rows()
    {
        using var scope = NewDisposeScope();
        using var op = (MatrixOperator)Draw(new MatrixFamily { MaxRows = 6 }, new(1, 4, 4), 200, 1);
        var norms = op.Matrix.norm(-1);
        var rows = norms.gt(0).sum(1);
        Assert.Equal((2, 6), (rows.min().item<long>(), rows.max().item<long>()));
        Assert.Equal(0, (norms.gt(0).@float() - norms).abs().max().item<float>(), 1e-5);
    }

    [Fact]
    public void Every_patch_mask_keeps_something_and_few()
    {
        using var scope = NewDisposeScope();
        using var op = Draw(new MissingPatchesFamily { MaxSideLog2 = 2 }, Image, 100, 1);
        var kept = op.Picture()!.sum([1, 2, 3]);
        Assert.True(kept.min().item<float>() >= 1);
        Assert.InRange(kept.mean().item<float>() / 1024, 0.02, 0.09); // the mean of U(0, 0.1) is 0.05
    }

    [Fact]
    public void A_hopeless_keep_probability_keeps_one_patch()
    {
        using var scope = NewDisposeScope();
        using var op = Draw(new MissingPatchesFamily { Side = 16, Keep = (1e-12, 1e-12) }, Image, 2, 1);
        Assert.Equal([256f, 256f], op.Picture()!.sum([1, 2, 3]).data<float>().ToArray());
    }

    [Fact]
    public void A_box_and_a_missing_box_of_the_same_draws_complete_each_other()
    {
        using var scope = NewDisposeScope();
        using var box = Draw(new BoxFamily(missing: false), Image, 8, 1);
        using var rest = Draw(new BoxFamily(missing: true), Image, 8, 1);
        Assert.True((box.Picture()! + rest.Picture()!).Equals(ones([8, 1, 32, 32])));
    }

    [Fact]
    public void Sizes_of_boxes_follow_two_uniform_cut_points()
    {
        using var scope = NewDisposeScope();
        using var op = Draw(new BoxFamily(missing: false), new(1, 8, 8), 20000, 1);
        // The mean distance of two distinct points out of 0 … n is (n + 2)/3, and the axes are independent: 100/9, give or take 0.07.
        Assert.Equal(100 / 9.0, op.Picture()!.sum([1, 2, 3]).mean().item<float>(), 0.35);
    }

    [Fact]
    public void Kernels_sum_to_one_and_no_random_one_is_without_bound()
    {
        using var scope = NewDisposeScope();
        using var motion = (FourierOperator)Draw(new MotionBlurFamily(), Image, 8, 1);
        using var sr = (FourierOperator)Draw(new SuperResolutionFamily(), Image, 200, 1);
        Close.To(ones(8), motion.Kernel.sum([1, 2, 3]), 1e-5);
        Close.To(ones(200), sr.Kernel.sum([1, 2, 3]), 1e-4);
        Assert.True(sr.Kernel.abs().max().item<float>() < 5 / 0.1 / sr.Kernel.shape[2]);
    }

    [Fact]
    public void Strides_cover_their_range()
    {
        var motion = Enumerable.Range(0, 40).Select(i => Stride(new MotionBlurFamily(), Image, i)).Distinct().Order();
        var sr = Enumerable.Range(0, 40).Select(i => Stride(new SuperResolutionFamily(), new(3, 64, 64), i)).Distinct().Order();
        Assert.Equal([2, 4, 8], motion);
        Assert.Equal([8, 16, 32], sr);
    }

    [Fact]
    public void The_public_form_shares_one_kernel_ours_has_one_per_sample()
    {
        using var scope = NewDisposeScope();
        using var shared = Draw(new MotionBlurFamily { Shared = true }, Image, 4, 1);
        using var own = Draw(new MotionBlurFamily(), Image, 4, 1);
        Assert.Equal((1, 4), (shared.BatchSize, own.BatchSize));
    }

    [Fact]
    public void A_stronger_intensity_bends_the_path_more()
    {
        double Bend(double intensity) =>
            Enumerable.Range(0, 50).Average(i => Turning(MotionPath.Draw(new RandomStream(1, (ulong)i), 32, 32, intensity)));
        Assert.True(Bend(0.9) > 2 * Bend(0.1));
        foreach (var path in Enumerable.Range(0, 50).Select(i => MotionPath.Draw(new RandomStream(2, (ulong)i), 32, 24, 0.7)))
        {
            Assert.Equal(32, path.Average(p => p.X), 1e-9);
            Assert.Equal(24, path.Average(p => p.Y), 1e-9);
        }
    }

    [Fact]
    public void All_ranks_agree_on_the_family_of_a_batch()
    {
        var family = DegradationFamilies.Default();
        var chosen = Enumerable.Range(0, 200).Select(i => family.Choose(new RandomStream(3, (ulong)i)).Name).ToArray();
        Assert.Equal(chosen, Enumerable.Range(0, 200).Select(i => family.Choose(new RandomStream(3, (ulong)i)).Name));
        Assert.Equal(["box", "matrix", "missing-box", "motion", "none", "patches", "sr"], chosen.Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void An_unknown_family_is_named()
    {
        var error = Assert.Throws<ConfigurationException>(() => DegradationFamilies.Create("blob"));
        Assert.Contains("'blob'", error.Message, StringComparison.Ordinal);
        Assert.Throws<ConfigurationException>(() => DegradationFamilies.Mixture([]));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_disposed_operator_leaves_no_tensor_behind(string name)
    {
        using (Draw(DegradationFamilies.Create(name), Image, 2, 1)) { }
        var statistics = DisposeScopeManager.Statistics.TensorStatistics;
        var before = statistics.ThreadTotalLiveCount;
        using (var op = Draw(DegradationFamilies.Create(name), Image, 2, 1))
        {
            using var x = zeros([2, 1, 3, 32, 32]);
            using var y = op.Apply(x);
            op.PseudoInverse(y).Dispose();
            op.PseudoInverse(y, 0.1).Dispose();
            op.Adjoint(y).Dispose();
            op.Noise(y).Dispose();
            op.Exact.PseudoInverse(y).Dispose();
            op.Select(1).Dispose();
        }
        Assert.Equal(before, statistics.ThreadTotalLiveCount);
    }

    private static int Stride(DegradationFamily family, ImageShape image, int seed)
    {
        using var op = (FourierOperator)family.Draw(image, [new RandomStream(1)], new RandomStream(2, (ulong)seed));
        return op.Stride;
    }

    private static LinearOperator Draw(DegradationFamily family, ImageShape image, int batch, ulong seed) =>
        family.Draw(image, [.. Enumerable.Range(0, batch).Select(i => new RandomStream(seed, (ulong)i))], new RandomStream(seed, 99, 1));

    private static double Turning((double X, double Y)[] path)
    {
        var headings = path.Zip(path.Skip(1), (a, b) => Math.Atan2(b.Y - a.Y, b.X - a.X)).ToArray();
        return headings.Zip(headings.Skip(1), (a, b) => Math.Abs(Math.IEEERemainder(b - a, 2 * Math.PI))).DefaultIfEmpty(0).Average();
    }
}
