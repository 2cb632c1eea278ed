using InvFusion.Models;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Models;
using InvFusion.Tests.Runtime;
using InvFusion.Training;
using Xunit;

namespace InvFusion.Tests.Training;

[Collection(TorchTests.Collection), NoTensorLeaks]
public class LayerMatricesTests
{
    [Fact]
    public void The_matrices_of_a_network_are_those_of_the_table()
    {
        using var problem = new OptimizerProblem();
        string[] layers = ["down_levels.0.0", "up_levels.0.0", "mid_level.0"];
        (string Name, int Rows, int Columns)[] table =
        [
            ("self_attn.qkv_proj.weight#0", 48, 48),
            ("self_attn.qkv_proj.weight#1", 48, 48),
            ("self_attn.qkv_proj.weight#2", 48, 48),
            ("self_attn.jk_proj.weight", 48, 96),
            ("self_attn.jv_proj.weight", 48, 48),
            ("self_attn.out_proj.weight", 48, 48),
            ("ff.up_proj.weight#0", 144, 48),
            ("ff.up_proj.weight#1", 144, 48),
            ("ff.down_proj.weight", 48, 144),
        ];
        var expected = layers.SelectMany(layer => table.Select(m => ($"unet.{layer}.attn.{m.Name}", m.Rows, m.Columns))).Order();
        Assert.Equal(expected, problem.Matrices.Select(m => (m.Name, m.Rows, m.Columns)).Order());
    }

    [Fact]
    public void All_else_stays_with_Adam_by_name()
    {
        using var problem = new OptimizerProblem();
        var matrices = problem.Matrices.Select(m => m.Name.Split('#')[0]).ToHashSet();
        var others = problem.Parameters.Layout.Where(p => !matrices.Contains(p.Name)).ToArray();
        string[] maps =
        [
            "patch_in",
            "patch_out",
            "merges",
            "splits",
            "time_in_proj",
            "aug_in_proj",
            "mapping",
            "norm.linear",
            "deg_linear",
            "logvar_linear",
        ];
        Assert.All(
            others.Where(p => p.Shape.Length > 1),
            p => Assert.Contains(maps, map => p.Name.Contains(map, StringComparison.Ordinal))
        );
        Assert.All(maps, map => Assert.Contains(others, p => p.Name.Contains(map, StringComparison.Ordinal)));
    }

    [Fact]
    public void Matrices_and_the_rest_are_the_whole_without_overlap()
    {
        using var problem = new OptimizerProblem();
        var length = (int)problem.Parameters.Values.NumberOfElements;
        var ranges = FlatRange.Divide(length, problem.Matrices);
        Assert.Equal(0, ranges[0].Start);
        Assert.All(ranges.Zip(ranges.Skip(1)), pair => Assert.Equal(pair.First.Start + pair.First.Length, pair.Second.Start));
        Assert.All(ranges.Zip(ranges.Skip(1)), pair => Assert.NotEqual(pair.First.Matrices, pair.Second.Matrices));
        Assert.Equal(length, ranges[^1].Start + ranges[^1].Length);
        Assert.Equal(problem.Matrices.Sum(m => m.Length), ranges.Where(r => r.Matrices).Sum(r => r.Length));
        FlatMatrix[] overlapping = [new("a", 0, 2, 2), new("b", 3, 2, 2)];
        Assert.Throws<ArgumentOutOfRangeException>(() => FlatRange.Divide(9, overlapping));
    }

    [Theory, InlineData(NetworkKind.Blind), InlineData(NetworkKind.Unconditional)]
    public void Networks_without_joint_layers_have_the_others(NetworkKind kind)
    {
        using var network = new PreconditionedNetwork(TestNetworks.Configuration with { Kind = kind });
        using var parameters = new FlatParameters(network);
        Assert.Equal(3 * 7, LayerMatrices.Find(parameters).Count);
    }
}
