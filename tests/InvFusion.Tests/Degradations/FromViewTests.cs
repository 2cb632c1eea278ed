using InvFusion.Degradations;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

/// <summary>A blurred photo as the measurement of an operator that measures a spectrum.</summary>
[Collection(TorchTests.Collection)]
public sealed class FromViewTests
{
    private const int Side = 64;

    // What the photo does not show is 16 to 27 % of the measurement.
    [Theory]
    [NoTensorLeaks]
    [InlineData("motion:stride=1,seed=3", 0.006)]
    [InlineData("motion:stride=2,seed=3", 0.006)]
    [InlineData("motion:stride=2,seed=4,intensity=1", 0.006)]
    [InlineData("motion:stride=4,seed=3", 0.015)]
    [InlineData("motion:stride=8,seed=3", 0.04)]
    public void A_photo_is_completed_to_nearly_the_measurement_that_it_is_a_part_of(string spec, double tolerance)
    {
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse(spec).Build(new(3, Side, Side));
        var y = op.Apply(Scene());
        var completed = op.FromView(op.View(y)!);
        Close.To(y, completed, tolerance, "y");
        Close.To(op.PseudoInverse(y), op.PseudoInverse(completed), 0.06, "H⁺y");
    }

    [Fact]
    public void Noise_in_the_photo_is_not_carried_into_what_it_does_not_show()
    {
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse("motion:stride=2,seed=3").Build(new(3, Side, Side));
        var y = op.Apply(Scene());
        var photo = op.View(y)! + 0.1 * Close.Normals(2, 1, 1, 3, Side / 2, Side / 2);
        double Error(Tensor completed) => (op.Apply(op.PseudoInverse(completed)) - y).norm().item<float>();
        var (told, untold) = (op.FromView(photo, 0.1), op.FromView(photo));
        Close.To(photo, op.View(told)!, 1e-6, "the photo itself");
        Assert.True((told - y).norm().item<float>() < (untold - y).norm().item<float>(), "knowing σ_y helps");
        Assert.True(Error(told) < Error(untold), "also in what H can make");
    }

    // Smooth, with texture.
    private static Tensor Scene()
    {
        var t = linspace(0, 1, Side);
        var smooth = (t.unsqueeze(0) * 7).sin() * (t.unsqueeze(1) * 5 + 1).cos();
        return smooth * 0.8 + 0.1 * Close.Normals(1, 1, 1, 3, Side, Side);
    }
}
