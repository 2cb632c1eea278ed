using InvFusion.Distributed;
using InvFusion.Formats.Numpy;
using InvFusion.Metrics.References;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using InvFusion.Tests.Training;
using Xunit;
using TemporaryFolder = InvFusion.Testing.TemporaryFolder;

namespace InvFusion.Tests.Metrics;

[Collection(TorchTests.Collection)]
public sealed class ReferenceFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [NoTensorLeaks]
    public void The_own_format_comes_back_whole()
    {
        using var set = new GeneratedSet(12);
        using var a = new FakeExtractor("a", 3);
        using var b = new FakeExtractor("b", 5);
        using var written = ReferenceBuilder.Build(set, 12, [a, b], 5, """{"data":"faces"}""", new SingleProcess());
        ReferenceFile.Save(_folder["ref.npz"], written);
        using var read = ReferenceFile.Load(_folder["ref.npz"]);
        Assert.Equal(["a", "b"], read.Entries.Keys.Order());
        Assert.Equal("""{"data":"faces"}""", read.Info);
        foreach (var (name, entry) in written.Entries)
        {
            Assert.Equal(12, read.Entries[name].Count);
            TensorAssert.SameBits(entry.Statistics.Mean, read.Entries[name].Statistics.Mean, "mu");
            TensorAssert.SameBits(entry.Statistics.Covariance, read.Entries[name].Statistics.Covariance, "sigma");
            TensorAssert.SameBits(entry.Sample!, read.Entries[name].Sample!, "features");
        }
    }

    [Theory]
    [InlineData("no number", "its count is no number of images", new double[0], new[] { 1.0, 0, 0, 1 })]
    [InlineData("NaN", "its count is no number of images", new[] { double.NaN }, new[] { 1.0, 0, 0, 1 })]
    [InlineData("half an image", "its count is no number of images", new[] { 1.5 }, new[] { 1.0, 0, 0, 1 })]
    [InlineData("less than none", "its count is no number of images", new[] { -1.0 }, new[] { 1.0, 0, 0, 1 })]
    [InlineData("more than there are", "its count is no number of images", new[] { 1e300 }, new[] { 1.0, 0, 0, 1 })]
    [InlineData(
        "indefinite",
        "sigma is no covariance (it has a negative variance in some direction)",
        new[] { 9.0 },
        new[] { 1.0, 2, 2, 1 }
    )]
    [InlineData(
        "negative",
        "sigma is no covariance (it has a negative variance in some direction)",
        new[] { 9.0 },
        new[] { 1.0, 0, 0, -1 }
    )]
    [InlineData("skew", "sigma is no covariance (it is not symmetric)", new[] { 9.0 }, new[] { 1.0, 0.5, 0, 1 })]
    public void Statistics_that_cannot_be_are_refused_by_name(string what, string expected, double[] count, double[] sigma)
    {
        Assert.NotEmpty(what);
        Npz.Write(
            _folder["bad.npz"],
            [
                new("a/mu", NpyArray.FromDoubles([1, 2], 2)),
                new("a/sigma", NpyArray.FromDoubles(sigma, 2, 2)),
                new("a/count", NpyArray.FromDoubles(count, count.Length)),
            ]
        );
        var message = Assert.Throws<DataFormatException>(() => ReferenceFile.Load(_folder["bad.npz"])).Message;
        Assert.StartsWith(_folder["bad.npz"], message);
        Assert.Contains(expected, message);
    }

    [Fact]
    public void A_singular_covariance_is_one()
    {
        Npz.Write(
            _folder["flat.npz"],
            [new("mu", NpyArray.FromDoubles([1, 2, 3], 3)), new("sigma", NpyArray.FromDoubles([1, 1, 0, 1, 1, 0, 0, 0, 0], 3, 3))]
        );
        ReferenceFile.Load(_folder["flat.npz"]).Dispose();
    }

    [Fact]
    public void The_public_form_is_read_as_that_of_the_TensorFlow_input()
    {
        Npz.Write(
            _folder["edm.npz"],
            [new("mu", NpyArray.FromDoubles([1, 2], 2)), new("sigma", NpyArray.FromDoubles([2, 0.5, 0.5, 1], 2, 2))]
        );
        using var read = ReferenceFile.Load(_folder["edm.npz"]);
        var entry = Assert.Single(read.Entries);
        Assert.Equal("inception-tf1", entry.Key);
        Assert.Equal(0.5, entry.Value.Statistics.Covariance[0, 1].item<double>());
        Assert.Null(entry.Value.Sample);
        Assert.Contains("kernel", read.Problem("inception-tf1", kernel: true), StringComparison.Ordinal);
        Assert.Null(read.Problem("inception-tf1", kernel: false));
        Assert.Contains("dinov2", read.Problem("dinov2-vitl14", kernel: false), StringComparison.Ordinal);
    }

    [Fact]
    public void Files_that_hold_something_else_are_refused_by_name()
    {
        Npz.Write(_folder["x.npz"], [new("y", NpyArray.FromDoubles([1], 1))]);
        Refuses("x.npz", "no mu and sigma");
        Npz.Write(_folder["x.npz"], [new("mu", NpyArray.FromDoubles([1], 1)), new("sigma", NpyArray.FromDoubles([1, 2], 2))]);
        Refuses("x.npz", "sigma [2]");
        Npz.Write(_folder["x.npz"], [new("mu", NpyArray.FromDoubles([double.NaN], 1)), new("sigma", NpyArray.FromDoubles([1], 1, 1))]);
        Refuses("x.npz", "not finite");
        File.WriteAllBytes(_folder["x.pkl"], [0x80, 2, (byte)'N', (byte)'.']);
        Refuses("x.pkl", "no dictionary");
        Refuses("missing.npz", "missing.npz");
    }

    private void Refuses(string name, string words)
    {
        var message = Assert.Throws<DataFormatException>(() => ReferenceFile.Load(_folder[name])).Message;
        Assert.Contains(words, message, StringComparison.Ordinal);
        Assert.Contains(name, message, StringComparison.Ordinal);
    }
}
