using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Models;
using InvFusion.Testing;
using InvFusion.Tests.Degradations;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using InvFusion.Training;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Models;

/// <summary>Networks whose input and skip is the joint estimate of x and y.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public class JointNetworkTests
{
    private static readonly NetworkConfiguration Joint = TestNetworks.Configuration with { JointEstimate = true };

    [
        Theory,
        InlineData(NetworkKind.InvFusion, true, true),
        InlineData(NetworkKind.Blind, true, true), // its blocks see no H, its input is computed with H
        InlineData(NetworkKind.Unconditional, false, false)
    ]
    public void A_new_network_gives_the_estimate_of_what_it_is_conditioned_on(NetworkKind kind, bool seesMeasurement, bool seesOperator)
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        using var network = new PreconditionedNetwork(Joint with { Kind = kind }); // its last layer is zero: F = 0
        network.eval();
        var (x, sigma, known) = TestNetworks.Inputs(2);
        using var op = known.Operator!;
        using var prior = new CosinePrior(TestNetworks.Shape, ScalarType.Float32, CPU);
        var (h, y) = (seesOperator ? op : null, seesMeasurement ? known.Measurements : null);
        TensorAssert.Close(JointEstimate.Compute(prior, x, sigma, h, y), Denoise(network, x, sigma, known), 1e-5);
    }

    [Fact]
    public void The_output_is_scaled_by_what_the_estimate_without_a_measurement_leaves()
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(Joint);
        using var prior = new CosinePrior(TestNetworks.Shape, ScalarType.Float64, CPU);
        // Images of the prior, and Wiener's estimate of them: its squared error is c_out².
        var images = prior.Inverse(Close.Normals(1, 200, 3, 16, 16).@double() * prior.Variances.sqrt());
        foreach (var sigma in new[] { 0.05, 0.5, 5.0 })
        {
            var noisy = images + Close.Normals(2, 200, 3, 16, 16).@double() * sigma;
            var error = (JointEstimate.Compute(prior, noisy, tensor([sigma])) - images).square().mean().item<double>();
            var variance = network.OutputVariance(tensor([(float)sigma]), TestNetworks.Shape).item<float>();
            Assert.InRange(variance / error, 0.95, 1.05);
        }
    }

    [Theory, InlineData(NetworkKind.InvFusion), InlineData(NetworkKind.Blind)]
    public void A_sample_does_not_depend_on_its_batch(NetworkKind kind)
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(Joint with { Kind = kind });
        var (x, sigma, known) = TestNetworks.Inputs(5);
        using var op = known.Operator!;
        var together = Denoise(network, x, sigma, known);
        using var own = op.Select(3);
        var alone = Denoise(network, x.narrow(0, 3, 1), sigma.narrow(0, 3, 1), new(own, known.Measurements!.narrow(0, 3, 1)));
        TensorAssert.Close(together.narrow(0, 3, 1), alone, 1e-4);
    }

    [Fact]
    public void The_dual_of_the_last_level_moves_samples_less_than_the_solver_s_tolerance()
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(Joint);
        using var op = DegradationSpec.Parse("patches:size=2,keep=0.3").Build(TestNetworks.Shape, batch: 2, seed: 3);
        using var prior = new CosinePrior(TestNetworks.Shape, ScalarType.Float32, CPU);
        var images = prior.Inverse(Close.Normals(1, 2, 3, 16, 16) * prior.Variances.sqrt());
        var known = new Conditioning(op, op.Apply(images.unsqueeze(1)));
        var request = new SamplingRequest { Image = TestNetworks.Shape, Noise = new SampleNoise([1, 2]) };
        var sampler = new EdmSampler(new EdmOptions { Steps = 8 });
        var warm = sampler.Sample(new NetworkDenoiser(network, known), request).Images;
        var cold = sampler.Sample(new Cold(network, known), request with { Noise = new SampleNoise([1, 2]) }).Images;
        TensorAssert.Close(cold, warm, 0.05);
        TensorAssert.Differs(cold, warm, 1e-7); // it is used
    }

    [Fact]
    public void Its_loss_weighs_by_its_own_output_scale()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        using var network = new PreconditionedNetwork(Joint);
        network.eval();
        using var prior = new CosinePrior(TestNetworks.Shape, ScalarType.Float32, CPU);
        var images = prior.Inverse(Close.Normals(1, 64, 3, 16, 16) * prior.Variances.sqrt());
        var terms = new EdmLoss(-0.8, 1.6).Evaluate(
            network,
            images,
            linspace(-2, 2, 64),
            Close.Normals(2, 64, 3, 16, 16),
            Conditioning.None
        );
        // λ(σ)·E(m - x)² is 1 for images of the prior, at every σ.
        var logVariance = terms.LogVariance!;
        Assert.InRange(((terms.Loss - logVariance) * logVariance.exp()).mean().item<float>(), 0.9, 1.1);
    }

    [Fact]
    public void It_comes_back_from_its_file_and_today_s_files_do_not_name_it()
    {
        Assert.True(NetworkConfiguration.FromJson(Joint.ToJson(), "test").JointEstimate);
        Assert.DoesNotContain("joint", TestNetworks.Configuration.ToJson().Replace("\"joint\":", "", StringComparison.Ordinal));
        var wrong = Assert.Throws<ConfigurationException>(() => (Joint with { MeasurementSkip = true }).Validate());
        Assert.Contains("jointEstimate", wrong.Message);
    }

    [Theory, InlineData(true, false), InlineData(false, true), InlineData(true, true)]
    public void Further_inputs_start_at_zero_and_then_count(bool variance, bool misfit)
    {
        using var scope = NewDisposeScope();
        using var plain = TestNetworks.Create(Joint);
        using var further = new PreconditionedNetwork(Joint with { VarianceInput = variance, MisfitInput = misfit });
        further.eval();
        using var folder = new TemporaryFolder();
        NetworkFile.Save(folder["plain.safetensors"], Joint, plain.state_dict());
        WarmStart.Load(further, folder["plain.safetensors"]);
        var (x, sigma, known) = TestNetworks.Inputs(2);
        using var op = known.Operator!;
        known = known with { LastEstimate = x * 0.5 };
        TensorAssert.Close(Denoise(plain, x, sigma, known), Denoise(further, x, sigma, known), 1e-6);
        using (no_grad())
            further.state_dict()["unet.patch_in.proj.weight"].add_(0.1);
        var told = Denoise(further, x, sigma, known);
        var other = Denoise(further, x, sigma, known with { LastEstimate = null });
        if (misfit)
            TensorAssert.Differs(told, other, 1e-4);
        else
            TensorAssert.Close(told, other, 0);
    }

    [Fact]
    public void The_deviation_is_that_of_every_pixel_by_itself()
    {
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse("missing-box:2,2,9,9").Build(TestNetworks.Shape, batch: 1, seed: 3);
        var x = zeros(2, 3, 16, 16);
        var known = new Conditioning(op, zeros(2, 1, op.MeasurementLength)) { NoiseLevel = tensor([0.2f]) };
        var deviation = FurtherInputs.Deviation(x, tensor([0.5f, 2]), known);
        // Missing: σ; seen: σσ_y/√(σ² + σ_y²), both over σ.
        Assert.Equal(1, deviation[0, 0, 4, 4].item<float>(), 1e-5);
        Assert.Equal(0.2 / Math.Sqrt(0.25 + 0.04), deviation[0, 0, 0, 0].item<float>(), 1e-5);
        Assert.Equal(0.2 / Math.Sqrt(4 + 0.04), deviation[1, 2, 15, 15].item<float>(), 1e-5);
    }

    private static Tensor Denoise(PreconditionedNetwork network, Tensor x, Tensor sigma, Conditioning known)
    {
        using var noGrad = no_grad();
        return network.Denoise(x, sigma, known);
    }

    private sealed class Cold(PreconditionedNetwork network, Conditioning known) : IDenoiser
    {
        public Tensor Denoise(Tensor x, Tensor sigma) => network.Denoise(x, sigma, known);
    }
}
