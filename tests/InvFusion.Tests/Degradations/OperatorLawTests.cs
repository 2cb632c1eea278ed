using InvFusion.Degradations;
using InvFusion.Tests.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

/// <summary>What every operator promises, on random inputs: it is linear, its adjoint is one, and H⁺ is the Moore-Penrose pseudo-inverse.</summary>
[Collection(TorchTests.Collection)]
public sealed class OperatorLawTests
{
    private const double Tolerance = 1e-4;

    public static TheoryData<string, int> Names => OperatorTable.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Measuring_is_linear(string name, int k)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        var (x, y) = (OperatorTable.Images(op, k, 1), OperatorTable.Images(op, k, 2));
        Close.To(op.Apply(x) * 2 - op.Apply(y) * 3, op.Apply(x * 2 - y * 3), Tolerance);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_adjoint_is_the_adjoint(string name, int k)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        var (x, y) = (OperatorTable.Images(op, k, 1), OperatorTable.Measurements(op, k, 2));
        var (forward, back) = (op.Apply(x), op.Adjoint(y));
        var scale = forward.norm().item<float>() * y.norm().item<float>();
        Assert.Equal(Inner(forward, y), Inner(x, back), Tolerance * Math.Max(scale, 1));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_pseudo_inverse_obeys_the_four_laws_of_Moore_and_Penrose(string name, int k)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        var (x, z) = (OperatorTable.Images(op, k, 1), OperatorTable.Images(op, k, 2));
        var (y, w) = (OperatorTable.Measurements(op, k, 3), OperatorTable.Measurements(op, k, 4));
        var measured = op.Apply(x);
        Close.To(measured, op.Apply(op.PseudoInverse(measured)), Tolerance, "H H⁺ H = H");
        var restored = op.PseudoInverse(y);
        Close.To(restored, op.PseudoInverse(op.Apply(restored)), Tolerance, "H⁺ H H⁺ = H⁺");
        var inImages = Inner(op.PseudoInverse(measured), z) - Inner(x, op.PseudoInverse(op.Apply(z)));
        Assert.Equal(0, inImages / (x.norm().item<float>() * z.norm().item<float>()), Tolerance);
        var inMeasurements = Inner(op.Apply(restored), w) - Inner(y, op.Apply(op.PseudoInverse(w)));
        Assert.Equal(0, inMeasurements / (y.norm().item<float>() * w.norm().item<float>()), Tolerance);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_gradient_through_H_is_the_adjoint(string name, int k)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        if (op is NoDegradation)
            return; // zeros depend on nothing
        var y = OperatorTable.Measurements(op, k, 3);
        var x = OperatorTable.Images(op, k, 1).requires_grad_();
        (op.Apply(x) * y).sum().backward();
        Close.To(op.Adjoint(y), x.grad!, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_selection_is_a_slice(string name, int k)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        var (x, y) = (OperatorTable.Images(op, k, 1), OperatorTable.Measurements(op, k, 3));
        using var second = op.Select(1);
        Close.To(op.Apply(x)[1..2], second.Apply(x[1..2]), 1e-6, "H");
        Close.To(op.PseudoInverse(y)[1..2], second.PseudoInverse(y[1..2]), 1e-5, "H⁺");
        using var swapped = op.Select(1, 0, 1);
        var index = tensor([1L, 0, 1]);
        Close.To(op.Adjoint(y).index_select(0, index), swapped.Adjoint(y.index_select(0, index)), 1e-6, "Hᵀ");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void No_call_changes_the_next(string name, int k)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        var (x, y) = (OperatorTable.Images(op, k, 1), OperatorTable.Measurements(op, k, 3));
        var (forward, back) = (op.Apply(x), op.PseudoInverse(y));
        _ = op.Apply(OperatorTable.Images(op, 5, 6));
        _ = op.PseudoInverse(OperatorTable.Measurements(op, 2, 7), 0.5);
        _ = op.Apply(x.bfloat16());
        Assert.True(forward.Equals(op.Apply(x)), "H");
        Assert.True(back.Equals(op.PseudoInverse(y)), "H⁺");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Half_precision_comes_back_as_half_precision(string name, int k)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        var (x, y) = (OperatorTable.Images(op, k, 1).bfloat16(), OperatorTable.Measurements(op, k, 3).bfloat16());
        var (forward, adjoint) = (op.Apply(x), op.Adjoint(y));
        Assert.Equal((ScalarType.BFloat16, ScalarType.BFloat16), (forward.dtype, adjoint.dtype));
        Assert.Equal(ScalarType.BFloat16, op.PseudoInverse(y).dtype);
        Close.To(op.Apply(x.@float()), forward, 0.02, "H");
        Close.To(op.Adjoint(y.@float()), adjoint, 0.02, "Hᵀ");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Damping_is_Tikhonov_s(string name, int k)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        var exact = op.Exact;
        var y = OperatorTable.Measurements(exact, k, 3);
        var x = exact.PseudoInverse(y.@double(), 0.3);
        // (HᵀH + σ²) x = Hᵀ y, the noise of a spectrum being larger by its gain.
        var sigma = 0.3 * exact.NoiseGain;
        Close.To(exact.Adjoint(y.@double()), exact.Adjoint(exact.Apply(x)) + x * sigma * sigma, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_picture_of_a_measurement_shows_what_it_was_made_from(string name, int k)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        var y = op.Apply(OperatorTable.Images(op, k, 1));
        if (op.ViewShape is not { } shape)
        {
            Assert.Null(op.View(y));
            return;
        }
        var picture = op.View(y)!;
        Assert.Equal([y.shape[0], k, shape.Channels, shape.Height, shape.Width], picture.shape);
        var taken = op.FromView(picture);
        Close.To(picture, op.View(taken)!, 1e-6);
        if (op.MeasurementShape is not null) // the picture is all of it
            Close.To(y, taken, 1e-6);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_wrong_layout_is_refused(string name, int k)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        var x = OperatorTable.Images(op, k, 1);
        Assert.Throws<ArgumentException>(() => op.Apply(x.flatten(1, 2)));
        Assert.Throws<ArgumentException>(() => op.PseudoInverse(OperatorTable.Measurements(op, k, 1).unsqueeze(0)));
    }

    private static double Inner(Tensor a, Tensor b) => (a.@double() * b.@double()).sum().item<double>();
}
