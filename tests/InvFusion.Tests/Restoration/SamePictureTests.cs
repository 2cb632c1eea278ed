using InvFusion.Degradations;
using InvFusion.Models;
using InvFusion.Restoration;
using InvFusion.Testing;
using InvFusion.Tests.Degradations;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Restoration;

/// <summary>In float32 a sample is the same picture whatever batch it travels in and on however many threads: products of other sizes only round otherwise.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class SamePictureTests
{
    private const int Samples = 4;

    // Of [-1, 1] in 8 bits. Of two pictures that differ by a tenth of it no pixel differs by more than one.
    private const double GreyLevel = 2.0 / 255;

    /// <summary>
    /// The joint estimate of a blur is solved by conjugate gradients to a tolerance: where products round otherwise they may end a step earlier or later.
    /// </summary>
    [Theory]
    [InlineData("missing-box:20,20,44,44", 0.1)]
    [InlineData("random-matrix:rows=64", 0.1)]
    [InlineData("sr:4", 0.1)]
    [InlineData("motion:stride=2,seed=3", 2)]
    public void Of_the_shipped_model_in_float32(string degradation, double greyLevels)
    {
        using var scope = NewDisposeScope();
        using var network = NetworkFile.Load(Path.Combine(Goldens.RepositoryRoot, "models", "faces64.safetensors"));
        Assert.Equal(ScalarType.Float32, network.ComputeType);
        var image = new ImageShape(3, 64, 64);
        using var op = DegradationSpec.Parse(degradation).Build(image);
        var y = op.Apply(Close.Normals(1, 1, 1, 3, 64, 64) * 0.3);
        var expected = Restore(network, op, y, batch: Samples, threads: 1);
        foreach (var (batch, threads) in new[] { (1, 1), (3, 1), (3, 2), (4, 2) })
            TensorAssert.Close(expected, Restore(network, op, y, batch, threads), greyLevels * GreyLevel);
    }

    private static Tensor Restore(PreconditionedNetwork network, LinearOperator op, Tensor y, int batch, int threads) =>
        TorchThreads.Run(
            threads,
            () =>
            {
                var options = new RestoreOptions
                {
                    Sampler = new() { Steps = 4 },
                    Samples = Samples,
                    BatchSize = batch,
                    Seed = 7,
                };
                using var restored = new Restorer(network).Restore(op, y, options);
                return restored.Samples.clamp(-1, 1);
            }
        );
}
