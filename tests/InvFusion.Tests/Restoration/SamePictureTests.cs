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

    // A tenth of a grey level of [-1, 1] in 8 bits: of two such pictures no pixel differs by more than one.
    private const double Tolerance = 2.0 / 255 / 10;

    [Fact]
    public void Of_the_shipped_model_in_float32()
    {
        using var scope = NewDisposeScope();
        using var network = NetworkFile.Load(Path.Combine(Goldens.RepositoryRoot, "models", "faces64.safetensors"));
        Assert.Equal(ScalarType.Float32, network.ComputeType);
        var image = new ImageShape(3, 64, 64);
        using var op = DegradationSpec.Parse("motion:stride=2,seed=3").Build(image);
        var y = op.Apply(Close.Normals(1, 1, 1, 3, 64, 64) * 0.3);
        var expected = Restore(network, op, y, batch: Samples, threads: 1);
        foreach (var (batch, threads) in new[] { (1, 1), (3, 1), (3, 2), (4, 2) })
            TensorAssert.Close(expected, Restore(network, op, y, batch, threads), Tolerance);
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
