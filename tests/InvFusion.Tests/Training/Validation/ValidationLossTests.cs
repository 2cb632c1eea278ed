using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Models;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Models;
using InvFusion.Tests.Runtime;
using InvFusion.Training;
using InvFusion.Training.Validation;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Training.Validation;

/// <summary>The validation loss, against its definition, a distribution that is known, and itself in other batches.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class ValidationLossTests : IDisposable
{
    private readonly TorchThreads _thread = new(1);

    internal static ValidationPlan Plan { get; } =
        new()
        {
            Number = 5,
            Batch = 5,
            Degradations = ["box:0,0,8,16", "sr:4@0.2"],
            Sigmas = [0.1, 2, 100],
        };

    // Of everything that draws: strides, kernels, masks, matrices, signs, noise.
    private static ValidationPlan Drawn { get; } =
        Plan with
        {
            Degradations = ["matrix", "motion@0.1", "patches", "compressed", "sr", "none"],
        };

    public void Dispose() => _thread.Dispose();

    [Theory]
    [InlineData(NetworkKind.InvFusion, 0, false)]
    [InlineData(NetworkKind.InvFusion, 3, true)]
    [InlineData(NetworkKind.Blind, 0, true)]
    [InlineData(NetworkKind.Unconditional, 3, false)]
    public void The_errors_are_those_of_D_image_by_image(NetworkKind kind, int classes, bool noiseConditioning)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var network = TestNetworks.Create(
            TestNetworks.Configuration with
            {
                Kind = kind,
                Classes = classes,
                NoiseConditioning = noiseConditioning,
                LinearEstimateSteps = kind == NetworkKind.InvFusion ? 3 : 0,
            }
        );
        using var images = new GeneratedSet(classes: classes);
        var values = new ValidationLoss(images, Plan).Measure(network, LossKind.Edm)!;
        Assert.Equal((5, 2, 3), (values.Images, values.Degradations.Count, values.Sigmas.Count));
        for (var i = 0; i < 5; i++)
        for (var d = 0; d < 2; d++)
        {
            var planes = new byte[TestNetworks.Shape.Length];
            images.Read(i, planes);
            var truth = Pictures.ToTensor(planes, TestNetworks.Shape);
            using var op = DegradationSpec.Parse(d == 0 ? "box:0,0,8,16" : "sr:4").Build(TestNetworks.Shape);
            using var noisy = d == 1 ? Noisy(images, i) : null; // the noise is the instrument's own
            var y = noisy ?? op.Apply(truth.unsqueeze(1));
            var label = classes > 0 ? tensor([(long)(i % classes)]) : null;
            var known = new Conditioning(op, y, label) { NoiseLevel = tensor([d == 0 ? 0f : 0.2f]) };
            if (kind == NetworkKind.Unconditional)
                known = new(ClassLabels: label);
            for (var k = 0; k < 3; k++)
            {
                var normals = new float[TestNetworks.Shape.Length];
                ValidationLoss.NoiseStream(i, Plan.Sigmas[k]).FillNormal(normals);
                var x = truth + tensor(normals).view(truth.shape) * Plan.Sigmas[k];
                var error = (network.Denoise(x, tensor([(float)Plan.Sigmas[k]]), known) - truth).@double().square().mean().item<double>();
                Assert.Equal(error, values.Errors(d, k)[i], 1e-4 * error);
                Assert.InRange(error, 1e-4, 1e4);
            }
        }
        Assert.False(network.training);
    }

    [Fact]
    public void The_loss_is_the_weighted_sum_over_levels_and_the_total_the_mean_over_degradations()
    {
        double[] errors = [1, 3, 10, 30, 2, 6, 20, 60]; // [2 degradations, 2 levels, 2 images]
        ValidationDegradation[] degradations = [new("box", 0), new("box", 0.1)];
        var values = new ValidationValues(degradations, [0.2, 5], 2, errors);
        var (w, low, high) = (values.Weights, 0.29 / 0.01, 25.25 / 6.25);
        double[] losses = [w[0] * low * 1 + w[1] * high * 10, w[0] * low * 3 + w[1] * high * 30];
        Assert.Equal(losses[0], values.Losses(0)[0], 1e-9);
        Assert.Equal(losses[1], values.Losses(0)[1], 1e-9);
        Assert.Equal(1.5 * losses[1], values.Totals()[1], 1e-9); // the second degradation has twice the errors
        Assert.Equal(4, values.MeanError(1, 0));
    }

    [Fact]
    public void The_weights_integrate_what_is_linear_in_the_logarithm_of_sigma()
    {
        double[] sigmas = [1e-6, 0.03, 0.45, 2, 1e5];
        var weights = ValidationGrid.Weights(sigmas);
        Assert.Equal(1, weights.Sum(), 1e-12);
        Assert.Equal(-0.8, weights.Zip(sigmas, (w, s) => w * Math.Log(s)).Sum(), 1e-9); // E[ln σ]: the density lies inside
        // E[max(0, ln σ + 0.8)] = P_std/√2π has its bend at a level.
        double[] bent = [1e-6, Math.Exp(-0.8), 1e5];
        var above = ValidationGrid.Weights(bent).Zip(bent, (w, s) => w * Math.Max(0, Math.Log(s) + 0.8)).Sum();
        Assert.Equal(1.6 / Math.Sqrt(2 * Math.PI), above, 1e-9);
        Assert.Equal([1], ValidationGrid.Weights([100]));
        Assert.Equal([0.5, 0.5], ValidationGrid.Weights([Math.Exp(-1.8), Math.Exp(0.2)]).Select(w => Math.Round(w, 12)));
    }

    [Theory, InlineData(0), InlineData(0.3)]
    public void The_exact_denoiser_of_a_gaussian_has_the_error_that_it_must_have(double sigmaY)
    {
        using var scope = NewDisposeScope();
        using var images = new GaussianSet(); // N(0, σ_d²) with σ_d = 0.5
        var plan = Plan with { Number = 24, Batch = 7, Degradations = [FormattableString.Invariant($"box:0,0,8,16@{sigmaY}")] };
        var values = new ValidationLoss(images, plan).Measure(known => new Oracle(known), plan.Sigmas)!;
        for (var k = 0; k < plan.Sigmas.Count; k++)
        {
            var precision = 4 + Math.Pow(plan.Sigmas[k], -2);
            // Half of the pixels are seen through y too.
            var expected = 0.5 / precision + (sigmaY == 0 ? 0 : 0.5 / (precision + Math.Pow(sigmaY, -2)));
            Assert.Equal(expected, values.MeanError(0, k), 0.04 * expected);
        }
        // Without y the error is 1/λ(σ): the loss of the best denoiser is 1 at every level.
        var blind = new ValidationLoss(images, plan).Measure(_ => new Oracle(Conditioning.None), plan.Sigmas, conditional: false)!;
        Assert.Equal(1, blind.Totals().Average(), 0.04);
        Assert.Equal(1, blind.MeanError(0, 2) * ValidationGrid.Lambda(100), 0.04);
    }

    [Fact]
    public void The_values_do_not_depend_on_the_batch_nor_on_the_rest_of_the_plan()
    {
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        using var images = new GeneratedSet();
        var whole = new ValidationLoss(images, Drawn).Measure(network, LossKind.Edm)!;
        AssertSame(whole, new ValidationLoss(images, Drawn with { Batch = 1 }).Measure(network, LossKind.Edm)!);
        AssertSame(whole, new ValidationLoss(images, Drawn with { Batch = 2 }).Measure(network, LossKind.Edm)!);
        var part = Drawn with { Number = 3, Degradations = ["none", "motion@0.1"], Sigmas = [2] };
        var some = new ValidationLoss(images, part).Measure(network, LossKind.Edm)!;
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(whole.Errors(5, 1)[i], some.Errors(0, 0)[i], 1e-5 * some.Errors(0, 0)[i]);
            Assert.Equal(whole.Errors(1, 1)[i], some.Errors(1, 0)[i], 1e-5 * some.Errors(1, 0)[i]);
        }
    }

    [Theory, InlineData(LossKind.Mmse, 0), InlineData(LossKind.Nppc, 2)]
    public void A_network_of_the_mean_is_measured_at_its_own_level_alone(LossKind kind, int directions)
    {
        using var network = TestNetworks.Create(TestNetworks.Configuration with { Directions = directions });
        using var images = new GeneratedSet();
        var values = new ValidationLoss(images, Plan).Measure(network, kind)!;
        Assert.Equal([100], values.Sigmas);
        Assert.All(values.Totals(), t => Assert.InRange(t, 1e-3, 1e3));
    }

    [Fact]
    public void What_cannot_be_is_refused_by_name()
    {
        using var images = new GeneratedSet(count: 3);
        using var grey = new GeneratedSet(channels: 1);
        using var two = new GeneratedSet(classes: 2);
        using var network = TestNetworks.Create(TestNetworks.Configuration with { Classes = 3 });
        Refused("number is 5", () => _ = new ValidationLoss(images, Plan));
        Refused("1×16×16", () => new ValidationLoss(grey, Plan).Measure(network, LossKind.Edm));
        Refused("2 classes, the network 3", () => new ValidationLoss(two, Plan).Measure(network, LossKind.Edm));
        Refused("number is 0", () => (Plan with { Number = 0 }).Validate(""));
        Refused("batch is 0", () => (Plan with { Batch = 0 }).Validate(""));
        Refused("'rain'", () => (Plan with { Degradations = ["rain"] }).Validate(""));
        Refused("σ_y", () => (Plan with { Degradations = ["box@-1"] }).Validate(""));
        Refused("'box@0' twice", () => (Plan with { Degradations = ["box", "box@0"] }).Validate(""));
        Refused("has 0;", () => (Plan with { Sigmas = [0, 1] }).Validate(""));
        Refused("has 1 after 2", () => (Plan with { Sigmas = [2, 1] }).Validate(""));
    }

    [Fact]
    public void An_entry_is_read_as_it_is_written()
    {
        Assert.Equal(new("motion", 0.1), ValidationDegradation.Parse("motion@0.1"));
        Assert.Equal(new("blur:sigma=2", 0), ValidationDegradation.Parse("blur:sigma=2"));
        Assert.Equal("blur:sigma=2@0.05", ValidationDegradation.Parse("blur:sigma=2@0.05").Text);
        Assert.Equal(new("mask:a@b.png", 0), ValidationDegradation.Parse("mask:a@b.png"));
    }

    // The measurement that any denoiser is given of an image; the caller owns it.
    private static Tensor Noisy(GeneratedSet images, int image)
    {
        Tensor? seen = null;
        var plan = Plan with { Number = image + 1, Batch = 1, Degradations = ["sr:4@0.2"] };
        new ValidationLoss(images, plan).Measure(
            known =>
            {
                seen?.Dispose(); // of the image before
                seen = known.Measurements!.clone().DetachFromDisposeScope();
                return new Still();
            },
            [1.0]
        );
        var planes = new byte[TestNetworks.Shape.Length];
        images.Read(image, planes);
        using var op = DegradationSpec.Parse("sr:4").Build(TestNetworks.Shape);
        using var clean = op.Apply(Pictures.ToTensor(planes, TestNetworks.Shape).unsqueeze(1));
        Assert.InRange((seen! - clean).std().item<float>(), 0.12, 0.28); // of 48 numbers
        return seen!;
    }

    internal static void AssertSame(ValidationValues expected, ValidationValues actual)
    {
        for (var d = 0; d < expected.Degradations.Count; d++)
        for (var k = 0; k < expected.Sigmas.Count; k++)
        for (var i = 0; i < expected.Images; i++)
            Assert.Equal(expected.Errors(d, k)[i], actual.Errors(d, k)[i], 1e-5 * expected.Errors(d, k)[i]);
    }

    private static void Refused(string words, Action action) =>
        Assert.Contains(words, Assert.Throws<ConfigurationException>(action).Message, StringComparison.Ordinal);

    private sealed class Still : IDenoiser
    {
        public Tensor Denoise(Tensor x, Tensor sigma) => x.clone();
    }

    // E[x₀ | x, y] for pixels of N(0, 1/4), each seen through x and, where H sees it, through y.
    private sealed class Oracle(Conditioning known) : IDenoiser
    {
        public Tensor Denoise(Tensor x, Tensor sigma)
        {
            using var scope = NewDisposeScope();
            var precision = sigma.square().reciprocal().view(-1, 1, 1, 1);
            var mean = x * precision / (precision + 4);
            if (known.Operator is not { } op)
                return mean.MoveToOuterDisposeScope();
            var seen = op.PseudoInverse(op.Apply(ones_like(x).unsqueeze(1))).squeeze(1);
            var y = op.PseudoInverse(known.Measurements!).squeeze(1);
            var noise = known.NoiseLevel!.clamp_min(1e-6).square().reciprocal().view(-1, 1, 1, 1);
            return (mean * (1 - seen) + seen * (x * precision + y * noise) / (precision + noise + 4)).MoveToOuterDisposeScope();
        }
    }
}
