using InvFusion.Degradations;
using InvFusion.Ops.Kernels;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

/// <summary>The kernel of matrices against the plain form; not run where the processor lacks the instructions.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public class FusedMatrixTests
{
    public static TheoryData<int, int, int, int, int, int, int, int> Cases =>
        new()
        {
            // O, C, H, W, P, m, operators, samples
            { 32, 3, 32, 32, 2, 8, 3, 3 },
            { 128, 3, 64, 64, 2, 32, 2, 2 },
            { 128, 3, 64, 64, 8, 8, 1, 3 },
            { 40, 3, 16, 64, 4, 16, 2, 2 },
            { 1, 1, 8, 32, 1, 1, 1, 1 },
            { 33, 1, 4, 32, 2, 3, 1, 5 },
            { 64, 2, 12, 96, 4, 9, 3, 3 },
            { 31, 4, 8, 32, 8, 17, 2, 2 },
        };

    [Theory, MemberData(nameof(Cases))]
    public void At_once_is_step_by_step(int rows, int c, int h, int w, int patch, int features, int operators, int samples)
    {
        using var scope = NewDisposeScope();
        using var op = Build(rows, new(c, h, w), operators);
        using var mix = FusionDraws.Mix(features);
        foreach (var (type, tolerance) in Types())
            FusionDraws.Compare(op, mix, patch, samples, type, tolerance);
    }

    [Fact]
    public void Rows_of_zeros_and_repeated_rows_add_nothing()
    {
        using var scope = NewDisposeScope();
        var rows = Close.Normals(5, 2, 32, 3 * 8 * 32) / 30;
        rows[0, 7].zero_();
        rows[1, 30].copy_(rows[1, 3]);
        using var op = new MatrixOperator(new(3, 8, 32), rows);
        using var mix = FusionDraws.Mix(6);
        foreach (var (type, tolerance) in Types())
            FusionDraws.Compare(op, mix, patch: 2, samples: 2, type, tolerance);
    }

    [Fact]
    public void Neither_threads_nor_companions_change_a_bit()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var op = Build(48, new(3, 16, 32), 3);
        using var mix = FusionDraws.Mix(10);
        foreach (var (type, _) in Types())
        {
            FeatureFusion Computed()
            {
                var fusion = FusionDraws.Draw(op, mix, patch: 2, samples: 3, type);
                Assert.True(op.Fuse(fusion));
                return fusion;
            }
            var one = TorchThreads.Run(1, Computed);
            var two = TorchThreads.Run(2, Computed);
            TensorAssert.SameBits(one.Output, two.Output, $"{type}: threads");
            using var alone = op.Select(1);
            var part = two.Part(1, 1, alone);
            var together = part.Output.clone();
            part.Output.fill_(double.NaN);
            Assert.True(alone.Fuse(part));
            TensorAssert.SameBits(together, part.Output, $"{type}: alone");
        }
    }

    [Fact]
    public void A_batch_of_several_kinds_fuses_part_by_part()
    {
        using var scope = NewDisposeScope();
        var image = new ImageShape(3, 16, 32);
        using var op = new BatchOperator(
            (Build(20, image, 2), 2),
            (DegradationSpec.Parse("sr:4").Build(image, 1, seed: 2), 1),
            (Build(36, image, 1), 2)
        );
        using var mix = FusionDraws.Mix(6);
        foreach (var (type, tolerance) in Types())
            FusionDraws.Compare(op, mix, patch: 2, samples: 5, type, tolerance);
    }

    [Fact]
    public void Lines_that_are_no_whole_panels_are_refused_and_nothing_written()
    {
        using var scope = NewDisposeScope();
        using var mix = FusionDraws.Mix(4);
        using var narrow = Build(16, new(3, 32, 16), 2);
        using var other = Build(16, new(3, 32, 32), 3);
        var fusion = FusionDraws.Draw(narrow, mix, patch: 2, samples: 2);
        Assert.False(narrow.Fuse(fusion));
        Assert.False(other.Fuse(fusion)); // of another size of image
        Assert.False(other.Fuse(FusionDraws.Draw(other, mix, patch: 2, samples: 2))); // of another number of samples
        Assert.False(other.Fuse(FusionDraws.Draw(other, mix, patch: 2, samples: 3, ScalarType.Float64)));
        Assert.True(fusion.Output.isnan().all().item<bool>());
    }

    private static MatrixOperator Build(int rows, ImageShape image, int operators) =>
        new(image, Close.Normals(3, operators, rows, image.Length) / Math.Sqrt(image.Length));

    // What the processor has; bfloat16 has 8 bits.
    private static IEnumerable<(ScalarType, double)> Types()
    {
        Assert.SkipUnless(ProductTile<Float32Lane>.IsSupported, "the processor has no AVX-512");
        yield return (ScalarType.Float32, 1e-5);
        if (ProductTile<Bfloat16Lane>.IsSupported)
            yield return (ScalarType.BFloat16, 2e-2);
    }
}
