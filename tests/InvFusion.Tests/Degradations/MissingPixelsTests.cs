using InvFusion.Degradations;
using InvFusion.Runtime;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

/// <summary>Masks of single pixels and of rows.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class MissingPixelsTests
{
    [Fact]
    public void Pixels_keep_a_uniform_share_between_its_bounds()
    {
        using var scope = NewDisposeScope();
        using var op = Draw(new MissingPixelsFamily(), new(3, 16, 20), 600);
        var kept = Kept(op);
        Assert.True(kept.Min() is >= 16 and < 25 && kept.Max() is <= 288 and > 280, $"{kept.Min()} to {kept.Max()} of 320"); // 5 to 90 %
        Assert.InRange(kept.Average() / 320, 0.435, 0.515); // the mean of U(0.05, 0.9) is 0.475, four standard errors 0.04
        Assert.InRange(kept.Count(k => k < 320 * 0.2625) / 600.0, 0.18, 0.32); // a quarter of the range
    }

    [Fact]
    public void Rows_are_seen_or_missing_as_a_whole()
    {
        using var scope = NewDisposeScope();
        using var op = Draw(new MissingRowsFamily(), new(3, 40, 7), 600);
        Assert.True(op.Picture()!.Equals(op.Picture()![.., .., .., ..1].expand(-1, -1, -1, 7)));
        var kept = Kept(op);
        Assert.All(kept, k => Assert.Equal(0, k % 7));
        Assert.Equal((2 * 7, 20 * 7), (kept.Min(), kept.Max())); // 5 to 50 % of 40 rows
        Assert.InRange(kept.Average() / 280, 0.253, 0.297); // the mean of U(0.05, 0.5) is 0.275, four standard errors 0.021
    }

    [Theory]
    [InlineData("pixels:keep=0.25", 15)]
    [InlineData("rows:keep=0.5", 30)]
    public void A_given_share_is_kept_to_the_pixel_and_every_place_is_as_probable(string spec, int count)
    {
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse(spec).Build(new(3, 6, 10), batch: 2000, seed: 5);
        Assert.All(Kept(op), k => Assert.Equal(count, k));
        var frequencies = op.Picture()!.mean([0]);
        Assert.InRange(frequencies.min().item<float>(), count / 60f - 0.05f, 1); // more than four standard deviations
        Assert.InRange(frequencies.max().item<float>(), 0, count / 60f + 0.05f);
        // Two neighbours are kept together with probability k(k - 1)/(n(n - 1)).
        var (places, k) = spec.StartsWith("rows", StringComparison.Ordinal) ? (6, 3) : (60, 15);
        var lines = places == 6 ? op.Picture()![.., 0, .., 0] : op.Picture()!.flatten(1);
        var together = (lines[.., 1..] * lines[.., ..(places - 1)]).mean([0]);
        var expected = k * (k - 1f) / (places * (places - 1f));
        Assert.InRange((together - expected).abs().max().item<float>(), 0, 0.05f);
    }

    [Theory]
    [InlineData("pixels:keep=0.0001", 1)]
    [InlineData("rows:keep=0.0001", 8)]
    [InlineData("pixels:keep=1", 64)]
    [InlineData("rows:keep=1", 64)]
    public void Something_is_always_seen_and_everything_may_be(string spec, int count)
    {
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse(spec).Build(new(1, 8, 8), batch: 3);
        Assert.All(Kept(op), k => Assert.Equal(count, k));
    }

    [Fact]
    public void The_public_form_shares_the_share_not_the_places()
    {
        using var scope = NewDisposeScope();
        using var shared = Draw(new MissingPixelsFamily { Shared = true }, new(3, 16, 16), 6);
        Assert.Single(Kept(shared).Distinct());
        Assert.False(shared.Picture()![0].Equals(shared.Picture()![1]));
        using var own = Draw(new MissingPixelsFamily(), new(3, 16, 16), 6);
        Assert.True(Kept(own).Distinct().Count() > 4);
    }

    private static int[] Kept(LinearOperator op) => [.. TensorAssert.Values(op.Picture()!.sum([1, 2, 3])).Select(v => (int)v)];

    private static LinearOperator Draw(DegradationFamily family, ImageShape image, int batch) =>
        family.Draw(image, [.. Enumerable.Range(0, batch).Select(i => new RandomStream(1, (ulong)i))], new RandomStream(2));
}
