using InvFusion.Degradations;
using InvFusion.Evaluation;
using InvFusion.Tests.Degradations;
using InvFusion.Tests.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Evaluation;

/// <summary>The consistency of the true image is σ_y, whatever the operator and the form of its measurement.</summary>
[Collection(TorchTests.Collection)]
public sealed class ConsistencyTests
{
    private const double SigmaY = 0.2;
    private const int Draws = 50;

    public static TheoryData<string> Names => [.. OperatorTable.Names.Select(row => row.Data.Item1).Distinct()];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_true_image_has_the_noise_of_its_measurement(string name)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        var images = OperatorTable.Images(op, 1, 1);
        var clean = op.Apply(images);
        var square = 0.0;
        for (var draw = 0; draw < Draws; draw++)
        {
            ulong[] seeds = [.. Enumerable.Range(0, (int)images.shape[0]).Select(i => (ulong)(draw * 10 + i))];
            var y = MeasurementNoise.Add(op, clean, SigmaY, seeds);
            square += Consistency.RootMeanSquare(op, images.squeeze(1), y).Average(c => c * c) / Draws;
        }
        var expected = op is NoDegradation ? 0 : SigmaY;
        // A dozen numbers in the smallest operator, twice, 50 times: 1/√(2·1200) = 2 %; four of those.
        Assert.Equal(expected, Math.Sqrt(square), 0.08 * SigmaY);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_variance_of_noise_is_that_of_its_draws(string name)
    {
        using var scope = NewDisposeScope();
        using var op = OperatorTable.Create(name);
        var variance = op.NoiseVariance(CPU);
        var normals = eye(op.MeasurementLength, dtype: float64).unsqueeze(0).expand(op.BatchSize, -1, -1);
        var exact = op.Noise(normals).square().sum([1], keepdim: true); // over the normals that a number is made of
        Assert.Equal([op.BatchSize, 1, op.MeasurementLength], variance.shape);
        Close.To(where(variance > 0, exact, zeros_like(exact)), variance, 1e-6);
    }

    [Fact]
    public void Where_nothing_is_measured_a_residual_has_no_weight()
    {
        using var scope = NewDisposeScope();
        var mask = zeros(1, 1, 4, 4);
        mask[.., .., 0] = 1;
        using var op = new MaskOperator(new(3, 4, 4), mask);
        var image = Close.Normals(1, 1, 3, 4, 4);
        var y = op.Apply(image.unsqueeze(1)) + 5 * (1 - op.NoiseVariance(CPU)).@float(); // rubbish in the hole
        Assert.Equal(0.1, Consistency.RootMeanSquare(op, image + 0.1, y)[0], 1e-5);
    }
}
