using InvFusion.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Diffusion;

[Collection(TorchTests.Collection)]
public sealed class GuidedDenoiserTests
{
    [Theory]
    [InlineData(0, 2)] // the reference alone
    [InlineData(1, 5)] // the main network alone
    [InlineData(2, 8)] // beyond it
    public void Guidance_extrapolates_from_the_reference(double weight, float expected)
    {
        using var scope = NewDisposeScope();
        var guided = new GuidedDenoiser(new Constant(5), new Constant(2), weight);
        Assert.Equal(expected, guided.Denoise(zeros(2, 1, 2, 2), tensor([1f]))[1, 0, 1, 1].item<float>());
    }

    [Fact]
    public void Outside_the_interval_each_sample_gets_the_main_network_alone()
    {
        using var scope = NewDisposeScope();
        var guided = new GuidedDenoiser(new Constant(5), new Constant(2), 2, new SigmaInterval(0.3, 5));
        var denoised = guided.Denoise(zeros(3, 1, 1, 1), tensor([10f, 1f, 0.1f]));
        Assert.Equal([5f, 8f, 5f], denoised.flatten().data<float>().ToArray());
    }

    [Theory]
    [InlineData(1, 1.0)]
    [InlineData(2, 100.0)]
    public void The_reference_is_not_evaluated_where_it_does_not_count(double weight, double sigma)
    {
        using var scope = NewDisposeScope();
        var reference = new Constant(2);
        new GuidedDenoiser(new Constant(5), reference, weight, new SigmaInterval(0.3, 5)).Denoise(
            zeros(1, 1, 1, 1),
            tensor([(float)sigma])
        );
        Assert.Equal(0, reference.Calls);
    }

    private sealed class Constant(double value) : IDenoiser
    {
        public int Calls { get; private set; }

        public Tensor Denoise(Tensor x, Tensor sigma)
        {
            Calls++;
            return full_like(x, value);
        }
    }
}
