using InvFusion.Metrics.Features;
using InvFusion.Testing;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Metrics;

/// <summary>The shipped network of fd_small: what is worse is farther away.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class SmallFeatureTests
{
    private const int Count = 300;
    private static readonly string Model = Path.Combine(Goldens.RepositoryRoot, "models", "fd-small.safetensors");

    [Theory]
    [InlineData("blur")]
    [InlineData("noise")]
    [InlineData("hole")]
    public void The_distance_grows_with_the_strength_of_a_degradation(string degradation)
    {
        using var scope = NewDisposeScope();
        using var extractor = SmallFeatureExtractor.Load(Model);
        var images = Pictures.Draw(Count, seed: 1);
        var reference = extractor.Extract(images);
        var distances = new List<double> { Distance(reference, extractor.Extract(Pictures.Draw(Count, seed: 2))) }; // of as good images
        for (var strength = 1; strength <= 4; strength++)
            distances.Add(Distance(reference, extractor.Extract(Pictures.Degrade(images, degradation, strength))));
        for (var i = 2; i < distances.Count; i++)
            Assert.True(distances[i] > 1.2 * distances[i - 1], string.Join(", ", distances));
        Assert.True(distances[^1] > 2 * distances[0], string.Join(", ", distances));
    }

    [Fact]
    public void Features_do_not_depend_on_the_batch_and_any_size_is_taken()
    {
        using var scope = NewDisposeScope();
        using var extractor = SmallFeatureExtractor.Load(Model);
        Assert.Equal(("small", 64), (extractor.Name, extractor.Width));
        var images = Pictures.Draw(6, seed: 3);
        var all = extractor.Extract(images);
        Assert.Equal([6, 64], all.shape);
        for (var i = 0; i < 6; i++)
            Assert.True((extractor.Extract(images[i..(i + 1)]) - all[i]).abs().max().ToDouble() < 1e-4);
        Assert.Equal([2, 64], extractor.Extract(zeros(2, 3, 200, 150, dtype: ScalarType.Byte)).shape);
        Assert.Throws<ArgumentException>(() => extractor.Extract(zeros(2, 1, 64, 64, dtype: ScalarType.Byte)));
        Assert.Throws<ArgumentException>(() => extractor.Extract(zeros(2, 3, 64, 64)));
    }

    [Fact]
    public void Another_file_is_refused_by_name()
    {
        var other = Path.Combine(Goldens.RepositoryRoot, "models", "faces64-blind.safetensors");
        Assert.Contains("is no feature network", Assert.Throws<DataFormatException>(() => SmallFeatureFile.Load(other)).Message);
    }

    // ‖μ - μ'‖² + tr(Σ + Σ' - 2 (Σ^½ Σ' Σ^½)^½)
    private static double Distance(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        var ((m1, s1), (m2, s2)) = (Statistics(a), Statistics(b));
        var root = Root(s1);
        return ((m1 - m2).square().sum() + (s1 + s2).trace() - 2 * Root(root.mm(s2).mm(root)).trace()).ToDouble();
    }

    private static (Tensor Mean, Tensor Covariance) Statistics(Tensor features)
    {
        var x = features.to_type(ScalarType.Float64);
        var mean = x.mean([0]);
        var centred = x - mean;
        return (mean, centred.t().mm(centred) / (x.shape[0] - 1));
    }

    private static Tensor Root(Tensor symmetric)
    {
        var (values, vectors) = linalg.eigh((symmetric + symmetric.t()) / 2);
        return (vectors * values.clamp_min(0).sqrt()).mm(vectors.t());
    }
}
