using InvFusion.Degradations;
using InvFusion.Models;
using InvFusion.Runtime;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Models;

/// <summary>A GPU gives what the CPU gives; where there is none these are reported as not run.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public class CudaTests
{
    private const string None = "no CUDA device, or a libtorch without CUDA: not run";

    public static TheoryData<string> Families => ["patches", "box", "motion", "random-matrix:rows=20", "sr:2", "none"];

    [Theory, MemberData(nameof(Families))]
    public void Evaluations_are_those_of_the_cpu(string family)
    {
        Assert.SkipUnless(cuda.is_available(), None);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var expected = Evaluate(family, CPU, ScalarType.Float32).Output;
        TensorAssert.Close(expected, Evaluate(family, CUDA, ScalarType.Float32).Output, 1e-3);
        TensorAssert.Close(expected, Evaluate(family, CUDA, ScalarType.BFloat16).Output, 1e-1);
    }

    [Theory, MemberData(nameof(Families))]
    public void Gradients_are_those_of_the_cpu(string family)
    {
        Assert.SkipUnless(cuda.is_available(), None);
        using var scope = NewDisposeScope();
        var expected = Evaluate(family, CPU, ScalarType.Float32).Gradients;
        var found = Evaluate(family, CUDA, ScalarType.Float32).Gradients;
        foreach (var (one, other) in expected.Zip(found))
        {
            var largest = one.abs().max().clamp_min(1e-6);
            TensorAssert.Close(one / largest, other / largest, 5e-3);
        }
    }

    // The denoised images, and where there is a graph the gradient of their sum of squares with respect to every weight; both on the CPU.
    private static (Tensor Output, Tensor[] Gradients) Evaluate(string family, Device device, ScalarType type)
    {
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        network.to(device);
        network.ComputeType = type;
        var streams = new[] { new RandomStream(3), new RandomStream(4) };
        using var op = DegradationFamilies.Create(family).Draw(TestNetworks.Shape, streams, new RandomStream(5), device);
        manual_seed(6);
        var x = randn([2, 3, 16, 16]).to(device);
        var y = op.Apply(randn([2, 1, 3, 16, 16]).to(device));
        var output = network.Denoise(x, tensor([0.5f, 2f], device: device), new Conditioning(op, y));
        if (is_grad_enabled())
            output.square().sum().backward();
        return (output.detach().cpu(), [.. network.parameters().Where(p => p.grad is not null).Select(p => p.grad!.cpu())]);
    }
}
