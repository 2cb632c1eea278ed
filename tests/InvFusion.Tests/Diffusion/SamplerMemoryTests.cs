using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Models;
using InvFusion.Tests.Degradations;
using InvFusion.Tests.Models;
using InvFusion.Tests.Runtime;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Diffusion;

/// <summary>A network's gradients in a sampler leave nothing behind, however many steps there are.</summary>
[Collection(TorchTests.Collection)]
public sealed class SamplerMemoryTests
{
    private const int Steps = 8;

    [Theory]
    [InlineData("dps", SamplerVariant.Paper)]
    [InlineData("dps", SamplerVariant.Reference)]
    [InlineData("pigdm", SamplerVariant.Paper)]
    [InlineData("pigdm", SamplerVariant.Reference)]
    [InlineData("daps", SamplerVariant.Paper)]
    [InlineData("daps", SamplerVariant.Reference)]
    [NoTensorLeaks]
    public void Live_tensors_are_as_many_at_the_last_step_as_at_the_second(string name, SamplerVariant variant)
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration with { Kind = NetworkKind.Unconditional });
        foreach (var parameter in network.parameters())
            parameter.requires_grad = false; // as a loaded network has it
        using var op = DegradationSpec.Parse("motion:stride=2,seed=5").Build(TestNetworks.Shape);
        using var y = op.Apply(Close.Normals(8, 1, 1, 3, 16, 16));
        var request = new SamplingRequest
        {
            Image = TestNetworks.Shape,
            Noise = new SampleNoise([1, 2]),
            Problem = new(op, y, SigmaY: 0.1),
        };
        var options = new SamplerOptions
        {
            Steps = Steps,
            Variant = variant,
            LangevinSteps = name == "daps" ? 3 : null,
        };
        var counts = new Dictionary<int, long>();
        var progress = new Watch(p => counts.TryAdd(p.Step, DisposeScopeManager.Statistics.ThreadTotalLiveCount)); // at the first evaluation of each step
        Samplers
            .Create(name, options)
            .Sample(new NetworkDenoiser(network, Conditioning.None), request, progress, TestContext.Current.CancellationToken)
            .Dispose();
        Assert.Equal(Steps, counts.Count);
        Assert.Single(counts.Where(c => c.Key > 1).Select(c => c.Value).Distinct());
    }

    private sealed class Watch(Action<SamplingProgress> report) : IProgress<SamplingProgress>
    {
        public void Report(SamplingProgress value) => report(value);
    }
}
