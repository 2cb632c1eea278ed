using InvFusion.Degradations;
using InvFusion.Evaluation;
using InvFusion.Tests.Data;
using InvFusion.Tests.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Evaluation;

[Collection(TorchTests.Collection)]
public sealed class MethodComparisonTests
{
    [Fact]
    public void Images_of_which_nothing_was_lost_do_not_count()
    {
        const int Images = 60;
        using var set = new MemorySet(Images);
        var spec = DegradationSpec.Parse("patches:size=1,keep=0.5");
        var row = Assert.Single(new MethodComparison(set, batchSize: Images).Run(spec, [], Images));

        using var scope = NewDisposeScope();
        using var op = spec.Build(new(1, 2, 2), Images);
        var whole = (int)op.Picture()!.amin([1, 2, 3]).sum().item<float>();
        Assert.InRange(whole, 1, Images - 1);
        Assert.Equal(Images - whole, row.Images);
        Assert.True(double.IsFinite(row.Psnr) && double.IsFinite(row.PsnrError));
    }
}
