using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using InvFusion.Ops;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Ops;

[Collection(TorchTests.Collection)]
public class TokenLayoutTests
{
    public static class Shapes
    {
        public static Arbitrary<TokenShape> Arbitrary() =>
            (
                from b in Gen.Choose(1, 3)
                from h in Gen.Choose(1, 5)
                from w in Gen.Choose(1, 5)
                from p in Gen.Choose(1, 4)
                from c in Gen.Choose(1, 3)
                from m in Gen.Choose(1, 4)
                select new TokenShape(b, h, w, p, c, m)
            ).ToArbitrary();
    }

    public sealed record TokenShape(int B, int H, int W, int P, int C, int M);

    [Property(Arbitrary = [typeof(Shapes)], MaxTest = 40)]
    public void Split_undoes_merge(TokenShape s)
    {
        using var scope = NewDisposeScope();
        var x = Counted(s.B, s.H * s.P, s.W * s.P, s.C);
        var merged = TokenLayout.Merge(x, s.P);
        Assert.Equal([s.B, s.H, s.W, s.P * s.P * s.C], merged.shape);
        TensorAssert.SameBits(x, TokenLayout.Split(merged, s.P), "split");
    }

    [Property(Arbitrary = [typeof(Shapes)], MaxTest = 40)]
    public void Folding_undoes_unfolding(TokenShape s)
    {
        using var scope = NewDisposeScope();
        var tokens = Counted(s.B, s.H, s.W, s.P * s.P * s.M * s.C);
        var images = TokenLayout.ToFeatureImages(tokens, s.P, s.C);
        Assert.Equal([s.B, s.M, s.C, s.H * s.P, s.W * s.P], images.shape);
        TensorAssert.SameBits(tokens, TokenLayout.ToTokens(images, s.P), "tokens");
    }

    [Property(Arbitrary = [typeof(Shapes)], MaxTest = 40)]
    public void A_token_holds_row_column_then_feature_and_channel(TokenShape s)
    {
        using var scope = NewDisposeScope();
        var tokens = Counted(s.B, s.H, s.W, s.P * s.P * s.M * s.C);
        var images = TokenLayout.ToFeatureImages(tokens, s.P, s.C);
        var (row, column) = (s.H * s.P - 1, s.W * s.P / 2);
        var channel = ((row % s.P * s.P + column % s.P) * s.M + s.M - 1) * s.C + s.C - 1;
        var expected = tokens[s.B - 1, row / s.P, column / s.P, channel].item<float>();
        Assert.Equal(expected, images[s.B - 1, s.M - 1, s.C - 1, row, column].item<float>());
        // The pixels of a token merge in the same order: an image of m·C channels is its own feature images.
        TensorAssert.SameBits(tokens, TokenLayout.Merge(images.flatten(1, 2).permute(0, 2, 3, 1).contiguous(), s.P), "merge");
    }

    private static Tensor Counted(params long[] shape) => arange(shape.Aggregate(1L, (a, b) => a * b), ScalarType.Float32).view(shape);
}
