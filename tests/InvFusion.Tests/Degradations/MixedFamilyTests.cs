using InvFusion.Degradations;
using InvFusion.Runtime;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

[Collection(TorchTests.Collection), NoTensorLeaks]
public class MixedFamilyTests
{
    private static readonly ImageShape Shape = new(3, 16, 16);
    private static readonly MixedFamily Family = new(DegradationFamilies.Mixture(["box", "motion", "matrix", "none", "sr:4"]).Members);

    [Fact]
    public void The_operator_of_a_sample_does_not_depend_on_those_beside_it()
    {
        using var scope = NewDisposeScope();
        using var together = Draw(0, 12);
        var (images, normals) = (Close.Normals(1, 12, 2, 3, 16, 16), Close.Normals(2, 12, 1, together.MeasurementLength));
        var (y, noise) = (together.Apply(images), together.Noise(normals));
        var back = together.PseudoInverse(y);
        var lengths = new HashSet<int>();
        for (var i = 0; i < 12; i++)
        {
            using var alone = Draw(i, 1);
            var length = alone.MeasurementLength;
            lengths.Add(length);
            var own = alone.Apply(images.narrow(0, i, 1));
            TensorAssert.SameBits(own, y.narrow(0, i, 1).narrow(2, 0, length), $"measurement {i}");
            Assert.Equal(0, y.narrow(0, i, 1).narrow(2, length, y.shape[2] - length).abs().sum().item<float>());
            TensorAssert.SameBits(alone.PseudoInverse(own), back.narrow(0, i, 1), $"H⁺y {i}");
            var ownNoise = alone.Noise(normals.narrow(0, i, 1).narrow(2, 0, length));
            TensorAssert.SameBits(ownNoise, noise.narrow(0, i, 1).narrow(2, 0, length), $"noise {i}");
            using var selected = together.Select(i);
            TensorAssert.SameBits(own, selected.Apply(images.narrow(0, i, 1)).narrow(2, 0, length), $"selected {i}");
        }
        Assert.True(lengths.Count >= 3, $"{lengths.Count} lengths in one batch");
    }

    [Fact]
    public void Parts_that_do_not_fit_the_batch_are_refused()
    {
        using var scope = NewDisposeScope();
        using var box = new MaskOperator(Shape, ones(2, 1, 16, 16));
        using var other = new NoDegradation(new(3, 8, 8));
        Assert.Throws<ArgumentException>(() => new BatchOperator((box, 3)));
        Assert.Throws<ArgumentException>(() => new BatchOperator((box, 2), (other, 1)));
    }

    private static LinearOperator Draw(int first, int count) =>
        Family.Draw(Shape, [.. Enumerable.Range(first, count).Select(i => new RandomStream(3, (ulong)i))], new RandomStream(9));
}
