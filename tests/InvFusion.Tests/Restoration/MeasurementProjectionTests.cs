using InvFusion.Restoration;
using InvFusion.Tests.Degradations;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Restoration;

[Collection(TorchTests.Collection)]
public class MeasurementProjectionTests
{
    public static TheoryData<string> Names => [.. OperatorTable.Names.Select(row => row.Data.Item1).Distinct()];

    [Theory, MemberData(nameof(Names))]
    public void An_estimate_comes_nearer_to_the_truth_and_agrees_with_the_measurement(string name)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        var truth = OperatorTable.Images(op, 1, seed: 1).squeeze(1);
        var y = op.Apply(truth.unsqueeze(1));
        var estimate = truth * 0.6 + OperatorTable.Images(op, 1, seed: 2).squeeze(1) * 0.3;
        var projected = MeasurementProjection.Apply(op, estimate, y);
        Assert.True(
            Distance(projected, truth) <= Distance(estimate, truth) * 1.0001,
            $"{Distance(projected, truth)} of {Distance(estimate, truth)}"
        );
        TensorAssert.Close(y, op.Apply(projected.unsqueeze(1)), 1e-3);
        var damped = MeasurementProjection.Apply(op, estimate, y, rounded: true);
        Assert.True(Distance(damped, truth) <= Distance(estimate, truth) * 1.0001);
        TensorAssert.Close(truth, MeasurementProjection.Apply(op, truth, y), 1e-3); // nothing to move
    }

    [Fact]
    public void A_sample_that_is_not_finite_stays_alone()
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create("motion blur for all samples");
        var truth = OperatorTable.Images(op, 1, seed: 1).squeeze(1);
        var y = op.Apply(truth.unsqueeze(1));
        var estimate = truth * 0.5;
        var expected = MeasurementProjection.Apply(op, estimate, y);
        estimate[0] = full_like(truth[0], double.NaN);
        var projected = MeasurementProjection.Apply(op, estimate, y);
        Assert.True(projected[0].isnan().all().item<bool>());
        TensorAssert.Close(expected[1], projected[1], 1e-5);
    }

    private static double Distance(Tensor a, Tensor b) => (a - b).norm().item<float>();
}
