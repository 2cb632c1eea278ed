using InvFusion.Restoration;
using InvFusion.Tests.Degradations;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Restoration;

[Collection(TorchTests.Collection)]
public sealed class TileLayoutTests
{
    [Theory]
    [NoTensorLeaks]
    [InlineData(40, 24, 16, 4, 1)]
    [InlineData(37, 16, 16, 0, 1)]
    [InlineData(41, 63, 16, 15, 1)]
    [InlineData(48, 36, 12, 3, 4)]
    [InlineData(16, 16, 16, 8, 1)]
    public void Tiles_of_a_picture_are_the_picture(int width, int height, int side, int overlap, int step)
    {
        using var scope = NewDisposeScope();
        var layout = new TileLayout(new(3, height, width), side, overlap, step);
        var picture = Close.Normals(1, 2, 3, height, width);
        var tiles = layout.Windows.Select(w => picture.narrow(-2, w.Top, w.Height).narrow(-1, w.Left, w.Width)).ToArray();
        Assert.All(tiles, t => Assert.Equal([2, 3, side, side], t.shape));
        Assert.All(layout.Windows, w => Assert.Equal((0, 0), (w.Top % step, w.Left % step)));
        TensorAssert.Close(picture, layout.Blend(tiles), 1e-6);
        foreach (var columns in layout.Windows.GroupBy(w => w.Top))
            Assert.All(columns.Zip(columns.Skip(1)), pair => Assert.InRange(pair.Second.Left, 1, pair.First.Left + side - overlap));
    }

    [Fact]
    public void Neighbours_are_blended_linearly()
    {
        using var scope = NewDisposeScope();
        var layout = new TileLayout(new(1, 8, 13), side: 8, overlap: 3, step: 1);
        var row = layout.Blend([zeros(1, 1, 8, 8), ones(1, 1, 8, 8)])[0, 0, 2];
        Close.To(tensor(new[] { 0, 0, 0, 0, 0, 0.25f, 0.5f, 0.75f, 1, 1, 1, 1, 1 }), row, 1e-6);
    }

    [Theory]
    [InlineData(16, 16, 16, 16, 1, "--overlap 16")]
    [InlineData(16, 16, 16, 14, 4, "--overlap 14")]
    [InlineData(15, 20, 16, 4, 1, "smaller")]
    [InlineData(20, 20, 16, 4, 5, "blocks of 5")]
    public void What_cannot_be_tiled_is_explained(int width, int height, int side, int overlap, int step, string words)
    {
        var error = Assert.Throws<ConfigurationException>(() => new TileLayout(new(3, height, width), side, overlap, step));
        Assert.Contains(words, error.Message);
    }
}
