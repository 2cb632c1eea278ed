using InvFusion.Degradations;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

/// <summary>Windows of local operators.</summary>
[Collection(TorchTests.Collection)]
public sealed class WindowTests
{
    private static readonly ImageShape Image = new(3, 24, 36);
    private static readonly ImageWindow Window = new(Top: 6, Left: 12, Height: 12, Width: 18);

    [Theory]
    [NoTensorLeaks]
    [InlineData("box:3,4,20,21", 1)]
    [InlineData("missing-box", 1)]
    [InlineData("patches:size=4,keep=0.5", 1)]
    [InlineData("none", 1)]
    [InlineData("gray", 1)]
    [InlineData("sr:3,method=box", 3)]
    [InlineData("gray+sr:2,method=box", 2)]
    [InlineData("sr:3,method=box+missing-box:2,1,7,5", 3)]
    [InlineData("sr:3,method=box+sr:2,method=box", 6)]
    public void A_window_measures_what_the_whole_does_there(string spec, int step)
    {
        using var scope = NewDisposeScope();
        var parsed = DegradationSpec.Parse(spec);
        using var op = parsed.Build(Image, seed: 3);
        Assert.Equal((step, step), (parsed.WindowStep, op.WindowStep));
        var x = Close.Normals(1, 2, 3, Image.Channels, Image.Height, Image.Width);
        using var window = op.Window(Window);
        var inside = x.narrow(-2, Window.Top, Window.Height).narrow(-1, Window.Left, Window.Width);
        TensorAssert.Close(window.Apply(inside), op.WindowOf(op.Apply(x), Window), 1e-6);
        using var selected = op.Select(0);
        Assert.Equal(step, selected.WindowStep);
    }

    [Theory]
    [InlineData("motion:stride=2")]
    [InlineData("blur:sigma=1")]
    [InlineData("sr:2")]
    [InlineData("random-matrix:rows=4")]
    [InlineData("compressed")]
    [InlineData("gray+sr:2")]
    [InlineData("patches+random-matrix:rows=4")]
    public void What_sees_beyond_a_window_has_none(string spec)
    {
        using var scope = NewDisposeScope();
        var parsed = DegradationSpec.Parse(spec);
        using var op = parsed.Build(Image);
        Assert.Null(parsed.WindowStep);
        Assert.Null(op.WindowStep);
        Assert.Throws<NotSupportedException>(() => op.Window(Window));
        Assert.Throws<NotSupportedException>(() => op.WindowOf(zeros(1, 1, op.MeasurementLength), Window));
    }

    [Fact]
    public void A_window_between_blocks_is_refused()
    {
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse("sr:4,method=box").Build(Image);
        Assert.Throws<ArgumentException>(() => op.WindowOf(zeros(1, 1, op.MeasurementLength), Window));
    }
}
