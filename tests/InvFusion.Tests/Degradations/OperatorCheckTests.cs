using InvFusion.Degradations;
using InvFusion.Tests.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

/// <summary>An operator of one's own is checked: the project's pass, what is wrong is named.</summary>
[Collection(TorchTests.Collection)]
public sealed class OperatorCheckTests
{
    public static TheoryData<string, int> Names => OperatorTable.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_operator_passes(string name, int k)
    {
        if (k > 1)
            return; // the check has its own
        using var op = OperatorTable.Create(name);
        op.Check();
    }

    [Fact]
    public void What_is_wrong_is_named()
    {
        Fails("Adjoint is not the adjoint of Apply", new Own { Back = 2 });
        Fails("Adjoint is not the adjoint of Apply", new Own { Back = -1 });
        Fails("Apply returns [1, 2, 1, 64], needed [1, 2, 64]", new Own { Unflat = true });
        Fails("is not linear", new Own { Offset = 1 });
        Fails("not finite", new Own { Offset = double.NaN });
        using var good = new Own();
        good.Check();
    }

    [Fact]
    public void A_part_of_one_s_own_makes_the_whole_one_s_own()
    {
        using var own = new Own();
        using var ours = DegradationSpec.Parse("gray").Build(new(1, 8, 8));
        Assert.False(own.IsOwn);
        Assert.True(ours.IsOwn);
        using var batch = new BatchOperator((new Own(), 1), (DegradationSpec.Parse("gray").Build(new(1, 8, 8)), 1));
        Assert.False(batch.IsOwn);
    }

    private static void Fails(string expected, Own op)
    {
        using (op)
        {
            var error = Assert.Throws<ConfigurationException>(() => op.Check());
            Assert.StartsWith("Own: ", error.Message, StringComparison.Ordinal);
            Assert.Contains(expected, error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', error.Message);
        }
    }

    // Doubles the pixels, or does something wrong.
    private sealed class Own() : LinearOperator(new(1, 8, 8), 1, 64)
    {
        public double Back { get; init; } = 1;

        public double Offset { get; init; }

        public bool Unflat { get; init; }

        public override Tensor Apply(Tensor images)
        {
            var y = images.flatten(2) * 2 + Offset;
            return Unflat ? y.unsqueeze(2) : y;
        }

        public override Tensor Adjoint(Tensor measurements) => measurements.reshape(measurements.shape[0], -1, 1, 8, 8) * 2 * Back;

        public override LinearOperator Select(params ReadOnlySpan<long> samples) => new Own();
    }
}
