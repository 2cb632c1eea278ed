using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Models;
using InvFusion.Restoration;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Models;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Restoration;

/// <summary>What cannot be restored is refused in words, before libtorch broadcasts it or ends the process.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class RestorerRefusalTests
{
    private static readonly RestoreOptions Options = new()
    {
        Samples = 1,
        Sampler = new() { Steps = 2 },
    };

    [Fact]
    public void Measurements_and_operators_that_do_not_belong_together()
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        using var op = Box(1);
        using var two = new MatrixOperator(TestNetworks.Shape, randn(2, 5, TestNetworks.Shape.Length));
        var y = op.Apply(zeros([1, 1, 3, 16, 16]));
        Refuses("[1, 1, 768], not [2, 1, 768]", op, y.expand(2, -1, -1));
        Refuses("[1, 1, 768], not [1, 1, 767]", op, y.narrow(2, 0, 767));
        Refuses("[1, 1, 768], not [768]", op, y.flatten());
        Refuses("for 2 samples, not for 1", two, zeros(1, 1, 5));
        Refuses("without its operator", null, y);
        Refuses("without a measurement", op, null);
        Refuses("real floating-point numbers, not ComplexFloat32", op, y.to_type(ScalarType.ComplexFloat32));
        Refuses("real floating-point numbers, not Int64", op, y.to_type(ScalarType.Int64));
        foreach (var method in new[] { "linear", "ddrm", "mmse" })
            Refuses("[1, 1, 768], not [2, 1, 768]", op, y.expand(2, -1, -1), Options with { Method = method, Sampler = new() });

        void Refuses(string words, LinearOperator? h, Tensor? measured, RestoreOptions? options = null) =>
            Assert.Contains(
                words,
                Assert.Throws<ArgumentException>(() => new Restorer(network).Restore(h, measured, options ?? Options)).Message,
                StringComparison.Ordinal
            );
    }

    [Fact]
    public void Disposed_objects_by_their_name()
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        using var op = Box(1);
        var y = op.Apply(zeros([1, 1, 3, 16, 16]));
        Tensor goneY = y.clone(),
            x = zeros(1, 3, 16, 16),
            sigma = ones(1);
        goneY.Dispose();
        var goneOperator = Box(1);
        goneOperator.Dispose();
        var goneNetwork = TestNetworks.Create(TestNetworks.Configuration);
        goneNetwork.Dispose();
        Named(nameof(PreconditionedNetwork), () => new Restorer(goneNetwork).Restore(op, y, Options));
        Named(nameof(PreconditionedNetwork), () => new Restorer(network, goneNetwork).Restore(op, y, Options));
        Named(nameof(MaskOperator), () => new Restorer(network).Restore(goneOperator, y, Options));
        Named("measurements", () => new Restorer(network).Restore(op, goneY, Options));
        Named(nameof(MaskOperator), () => goneOperator.Apply(zeros([1, 1, 3, 16, 16])));
        Named("measurements", () => op.Adjoint(goneY));
        Named(nameof(PreconditionedNetwork), () => goneNetwork.Denoise(x, sigma, Conditioning.None));
        Named(nameof(MaskOperator), () => network.Denoise(x, sigma, new(goneOperator, y)));
        var goneX = x.clone();
        goneX.Dispose();
        Named("x", () => network.Denoise(goneX, sigma, Conditioning.None));

        static void Named(string name, Func<object> work) =>
            Assert.EndsWith(name, Assert.Throws<ObjectDisposedException>(work).ObjectName, StringComparison.Ordinal);
    }

    [Fact]
    public void Noise_levels_and_batches_of_which_there_is_no_image()
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        var x = zeros(2, 3, 16, 16);
        var denoiser = new NetworkDenoiser(network, Conditioning.None);
        foreach (var sigma in new[] { 0, -1, float.NaN, float.PositiveInfinity })
            Assert.Contains("must be above 0", Refused(() => denoiser.Denoise(x, tensor([1, sigma]))), StringComparison.Ordinal);
        Assert.Contains("B of at least 1", Refused(() => denoiser.Denoise(zeros(0, 3, 16, 16), ones(1))), StringComparison.Ordinal);
        using var op = Box(1);
        var y = op.Apply(zeros([2, 1, 3, 16, 16]));
        Assert.Contains("without its operator", Refused(() => network.Denoise(x, ones(1), new(null, y))), StringComparison.Ordinal);
        Assert.Contains("without a measurement", Refused(() => network.Denoise(x, ones(1), new(op, null))), StringComparison.Ordinal);
        foreach (var kind in Samplers.All.Where(k => !k.NeedsDirections))
            Assert.Contains(
                "no samples",
                Refused(() => kind.Build(new()).Sample(denoiser, Request([], op, y.narrow(0, 0, 1)))),
                StringComparison.Ordinal
            );
        using var small = DegradationSpec.Parse("box:0,0,4,4").Build(new(3, 8, 8));
        foreach (var kind in Samplers.All.Where(k => !k.Conditional))
        {
            Assert.Contains(
                "[3, 1, 768]",
                Refused(() => kind.Build(new()).Sample(denoiser, Request([1, 2, 3], op, y))),
                StringComparison.Ordinal
            );
            Assert.Contains(
                "3×8×8",
                Refused(() => kind.Build(new()).Sample(denoiser, Request([1], small, zeros(1, 1, 192)))),
                StringComparison.Ordinal
            );
        }

        static string Refused(Func<object> work) => Assert.Throws<ArgumentException>(work).Message;
        static SamplingRequest Request(ulong[] seeds, LinearOperator op, Tensor y) =>
            new()
            {
                Image = TestNetworks.Shape,
                Noise = new SampleNoise(seeds),
                Problem = new(op, y),
            };
    }

    private static LinearOperator Box(int batch) => DegradationSpec.Parse("box:2,2,12,12").Build(TestNetworks.Shape, batch);
}
