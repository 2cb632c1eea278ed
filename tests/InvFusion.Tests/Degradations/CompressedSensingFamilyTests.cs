using InvFusion.Degradations;
using InvFusion.Runtime;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

/// <summary>Compressed sensing with a fraction for each sample.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class CompressedSensingFamilyTests
{
    private static readonly ImageShape Image = new(3, 10, 10);

    [Fact]
    public void The_logarithm_of_the_fraction_is_uniform_between_its_bounds()
    {
        using var scope = NewDisposeScope();
        using var op = Draw(new CompressedSensingFamily(), 0, 400);
        Assert.Equal(150, op.MeasurementLength);
        var counts = Counts(op);
        Assert.True(counts.Min() == 6 && counts.Max() is <= 150 and > 145, $"{counts.Min()} to {counts.Max()} of 300"); // 2 to 50 %
        Assert.InRange(counts.Average(c => Math.Log(c / 300)), Math.Log(0.1) - 0.19, Math.Log(0.1) + 0.19); // four standard errors
    }

    [Fact]
    public void Short_measurements_end_with_zeros_and_without_noise()
    {
        using var scope = NewDisposeScope();
        using var op = Draw(new CompressedSensingFamily(), 0, 8);
        var y = op.Apply(Close.Normals(1, 8, 2, 3, 10, 10));
        var noise = op.Noise(ones(8, 1, 150));
        var measured = op.NoiseVariance(CPU);
        Assert.True(measured.sum().item<double>() is > 100 and < 1000);
        Assert.True(noise.Equals(measured.to_type(ScalarType.Float32)));
        Assert.True((y != 0).Equals(measured.ne(0).expand(8, 2, 150)));
        // What stands there is not read.
        var stained = y + (1 - noise) * 100;
        Assert.True(op.Adjoint(stained).Equals(op.Adjoint(y)));
    }

    [Fact]
    public void Rows_are_orthonormal()
    {
        using var scope = NewDisposeScope();
        using var op = Draw(new CompressedSensingFamily(), 0, 3);
        var y = op.Noise(Close.Normals(1, 3, 1, 150));
        Close.To(y, op.Apply(op.Adjoint(y)), 1e-5);
    }

    [Fact]
    public void The_public_form_shares_the_fraction()
    {
        using var scope = NewDisposeScope();
        using var op = Draw(new CompressedSensingFamily { Shared = true }, 0, 5);
        Assert.Single(Counts(op).Distinct());
    }

    [Theory, InlineData("pixels"), InlineData("rows"), InlineData("gaussian"), InlineData("disk"), InlineData("compressed")]
    public void A_sample_of_a_new_family_depends_on_its_stream_alone(string name)
    {
        using var scope = NewDisposeScope();
        var family = DegradationFamilies.Create(name);
        Assert.Equal((name, false), (family.Name, family.DependsOnBatch));
        using LinearOperator together = Draw(family, 0, 5),
            again = Draw(family, 0, 5);
        var x = Close.Normals(1, 5, 2, 3, 10, 10);
        var y = together.Apply(x);
        TensorAssert.SameBits(y, again.Apply(x), "the same streams");
        for (var i = 0; i < 5; i++)
        {
            using var alone = Draw(family, i, 1);
            Close.To(y[i..(i + 1)], alone.Apply(x[i..(i + 1)]), 1e-6, $"{name}, sample {i}");
            if (i > 0)
                TensorAssert.Differs(
                    together.Apply(x[..1].expand(5, -1, -1, -1, -1))[i..(i + 1)],
                    together.Apply(x[..1].expand(5, -1, -1, -1, -1))[..1],
                    1e-3
                );
        }
    }

    private static float[] Counts(LinearOperator op) => TensorAssert.Values(op.NoiseVariance(CPU).sum([1, 2]).to_type(ScalarType.Float32));

    private static LinearOperator Draw(DegradationFamily family, int first, int count) =>
        family.Draw(
            Image,
            [.. Enumerable.Range(first, count).Select(i => new RandomStream(1, (ulong)i))],
            new RandomStream(2, (ulong)first)
        );
}
