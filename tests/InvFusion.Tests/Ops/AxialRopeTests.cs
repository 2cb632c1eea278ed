using InvFusion.Ops;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Ops;

[Collection(TorchTests.Collection), NoTensorLeaks]
public class AxialRopeTests
{
    [Fact]
    public void Rotation_keeps_lengths_and_the_second_half_of_the_channels()
    {
        using var scope = NewDisposeScope();
        var x = randn([2, 3, 20, 16], ScalarType.Float64);
        var turned = AxialRope.Rotate(x, Table(5, 4));
        TensorAssert.Close(x.norm(-1), turned.norm(-1), 1e-6);
        TensorAssert.Close(x.narrow(-1, 8, 8), turned.narrow(-1, 8, 8), 0);
        TensorAssert.Differs(x.narrow(-1, 0, 8), turned.narrow(-1, 0, 8), 0.1);
    }

    [Fact]
    public void Products_of_turned_queries_and_keys_depend_on_the_offset_alone()
    {
        using var scope = NewDisposeScope();
        var q = randn([1, 3, 1, 16], ScalarType.Float64).expand(1, 3, 64, 16); // the same query and key at every token
        var k = randn([1, 3, 1, 16], ScalarType.Float64).expand(1, 3, 64, 16);
        var table = Table(8, 8);
        var products = einsum("bnqe,bnke->bnqk", AxialRope.Rotate(q, table), AxialRope.Rotate(k, table)); // [1, 3, 64, 64]
        Tensor At(int row, int column, int offset) => products[0, .., row * 8 + column, row * 8 + column + offset];
        foreach (var offset in new[] { 1, 8, 8 + 2, 16 - 1 })
            TensorAssert.Close(At(1, 1, offset), At(4, 3, offset), 1e-5); // tables come from float32 angles
        TensorAssert.Differs(At(1, 1, 1), At(1, 1, 8), 1e-3);
    }

    [Theory, InlineData(4, 4), InlineData(2, 8), InlineData(6, 4)]
    public void Positions_are_centres_of_cells_and_merge_to_the_coarser_grid(int height, int width)
    {
        using var scope = NewDisposeScope();
        var positions = AxialRope.Positions(height, width);
        double longest = Math.Max(height, width);
        for (var row = 0; row < height; row++)
        for (var column = 0; column < width; column++)
        {
            Assert.Equal((2 * row + 1 - height) / longest, positions[row, column, 0].item<float>(), 1e-6);
            Assert.Equal((2 * column + 1 - width) / longest, positions[row, column, 1].item<float>(), 1e-6);
        }
        TensorAssert.Close(AxialRope.Positions(height / 2, width / 2), AxialRope.Downscale(positions), 1e-6);
    }

    [Fact]
    public void Frequencies_run_geometrically_from_pi_towards_ten_pi_heads_first()
    {
        using var scope = NewDisposeScope();
        var frequencies = AxialRope.Frequencies(heads: 3, headWidth: 16);
        Assert.Equal([3, 2], frequencies.shape);
        for (var i = 0; i < 6; i++)
            Assert.Equal(Math.PI * Math.Pow(10, i / 6.0), frequencies[i % 3, i / 3].item<float>(), 1e-4);
    }

    [Fact]
    public void Rotation_has_the_right_gradient()
    {
        using var scope = NewDisposeScope();
        var table = Table(5, 4);
        TensorAssert.Gradient(x => AxialRope.Rotate(x, table), randn([2, 3, 20, 16], ScalarType.Float64), 1e-3, 1e-8);
    }

    private static (Tensor, Tensor) Table(int height, int width)
    {
        manual_seed(2);
        return AxialRope.Table(AxialRope.Positions(height, width), AxialRope.Frequencies(3, 16), ScalarType.Float64);
    }
}
