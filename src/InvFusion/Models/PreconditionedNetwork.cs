using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Modules;
using InvFusion.Runtime;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Models;

/// <summary>D(x; σ, H, y, class) = c_skip·x + c_out·F(c_in·x, c_noise, …) (EDM, table 1), with the uncertainty head of EDM2.</summary>
public sealed class PreconditionedNetwork : nn.Module
{
    private const int UncertaintyChannels = 128;

    [ComponentName(Name = "unet")]
    private readonly HourglassTransformer _unet;

    [ComponentName(Name = "logvar_fourier")]
    private readonly FourierPhases _logvarFourier;

    [ComponentName(Name = "logvar_linear")]
    private readonly Modules.Linear _logvarLinear;

    private CosinePrior? _prior;
    private bool _disposed;

    /// <summary>Builds a network with freshly drawn weights (from torch's global generator).</summary>
    /// <exception cref="ConfigurationException">The configuration is not valid.</exception>
    public PreconditionedNetwork(NetworkConfiguration configuration)
        : base(nameof(PreconditionedNetwork))
    {
        configuration.Validate();
        Configuration = configuration;
        _unet = new(configuration);
        _logvarFourier = new(UncertaintyChannels);
        _logvarLinear = new(UncertaintyChannels, 1, bias: true);
        RegisterComponents();
    }

    /// <summary>The configuration that the network was built from.</summary>
    public NetworkConfiguration Configuration { get; }

    /// <summary>Where the weights are; operators, measurements and images must be there too.</summary>
    public Device Device => _logvarLinear.Weight.device;

    /// <summary>Type of the matrix products inside F; x, D, norms and the residual stream stay in float32.</summary>
    public ScalarType ComputeType { get; set; } = ScalarType.Float32;

    /// <summary>Noise schedules that are fitted to the network; those of its file once it is loaded.</summary>
    public ModelSchedules Schedules { get; set; } = ModelSchedules.None;

    /// <summary>What the network was trained with, as its file says; nothing is known of a network that was not loaded.</summary>
    public TrainedWith Trained { get; set; } = TrainedWith.Unknown;

    /// <summary>Computes layers anew on the way back of the next pass; null keeps their activations.</summary>
    public LayerCheckpoints? Checkpoints { get; set; }

    /// <summary>c_out², the variance of a pixel that is left for F: <c>[B]</c> → <c>[B, 1, 1, 1]</c>. The loss weight λ(σ) is its inverse.</summary>
    /// <param name="sigma">σ, in units of the images.</param>
    /// <param name="image">Shape of one image.</param>
    public Tensor OutputVariance(Tensor sigma, ImageShape image)
    {
        using var turn = TorchTurn.Take();
        using var scope = NewDisposeScope();
        var variance = sigma.to_type(ScalarType.Float32).square().view(-1, 1, 1, 1);
        var data = Configuration.SigmaData * Configuration.SigmaData;
        var left = Configuration.JointEstimate
            ? Prior(image).ResidualVariance(sigma).view(-1, 1, 1, 1)
            : variance * data / (variance + data); // EDM, table 1
        return left.MoveToOuterDisposeScope();
    }

    /// <summary>The denoised image, and behind it the raw direction images of an NPPC network.</summary>
    /// <param name="x">Noisy images, <c>[B, C, H, W]</c> float32.</param>
    /// <param name="sigma">Noise level, <c>[B]</c> or <c>[1]</c> float32, in units of the images; above 0 (looked at on the CPU alone: a GPU would have to wait).</param>
    /// <param name="conditioning">What is known beside the image.</param>
    /// <returns><c>[B, (1+K)·C, H, W]</c> float32.</returns>
    /// <exception cref="ArgumentException">A shape or value does not fit, or y comes without H or H without y; the message says what is needed.</exception>
    /// <exception cref="ObjectDisposedException">The network, the operator or a tensor is disposed; the message names it.</exception>
    public Tensor Denoise(Tensor x, Tensor sigma, Conditioning conditioning)
    {
        using var turn = TorchTurn.Take();
        CheckInputs(x, sigma, conditioning);
        using var scope = NewDisposeScope();
        var data = Configuration.SigmaData;
        var s = sigma.to_type(ScalarType.Float32).expand(x.shape[0]);
        var level = s.view(-1, 1, 1, 1);
        var variance = level.square() + data * data;
        var joint = Configuration.JointEstimate;
        var measured = joint ? Estimate(x, sigma, conditioning) : Measured(x, conditioning);
        var inputs = Further(x, s, conditioning) is { } further ? cat([measured!, further], 1) : measured;
        var f = Raw(x * variance.rsqrt(), s.log() / 4, inputs, conditioning); // c_in = 1/√(σ_d² + σ²), c_noise = ln(σ)/4
        var residual = f.narrow(1, 0, x.shape[1]);
        Tensor image;
        if (joint)
            image = measured! + OutputVariance(s, Shape(x)).sqrt() * residual;
        else
        {
            var skip = data * data / variance;
            var output = level * data * variance.rsqrt(); // c_out = σ σ_d / √(σ² + σ_d²)
            image = skip * x + output * residual;
            if (Configuration.MeasurementSkip)
                image = image + (1 - skip) * measured!;
        }
        if (Configuration.Directions > 0)
            image = cat([image, f.narrow(1, x.shape[1], f.shape[1] - x.shape[1])], 1);
        return image.MoveToOuterDisposeScope();
    }

    /// <summary>F: preconditioned images <c>[B, C, H, W]</c>, behind them H⁺y or the estimate and what else there is, c_noise <c>[B]</c> → <c>[B, (1+K)·C, H, W]</c>.</summary>
    internal Tensor Raw(Tensor scaled, Tensor noise, Tensor? measured, Conditioning conditioning)
    {
        using var scope = NewDisposeScope();
        var input = measured is null ? scaled : cat([scaled, measured], 1);
        var output = _unet.Forward(input.permute(0, 2, 3, 1).contiguous(), noise, conditioning, ComputeType, Checkpoints);
        return output.permute(0, 3, 1, 2).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>log variance of the denoising error at σ (EDM2, eq. 21): <c>[B]</c> → <c>[B, 1, 1, 1]</c>.</summary>
    public Tensor LogVariance(Tensor sigma)
    {
        using var scope = NewDisposeScope();
        var noise = sigma.to_type(ScalarType.Float32).log() / 4;
        return _logvarLinear.call(_logvarFourier.call(noise)).view(-1, 1, 1, 1).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// H⁺y as the network is given it, unscaled: <c>[B or 1, C, H, W]</c>; null where nothing is measured, the network is unconditional, or its estimate depends on x.
    /// </summary>
    public Tensor? MeasuredImage(Conditioning conditioning)
    {
        if (
            Configuration.JointEstimate
            || Configuration.Kind == NetworkKind.Unconditional
            || conditioning is not { Operator: { } op, Measurements: { } y }
        )
            return null;
        RequireAlive();
        using var turn = TorchTurn.Take();
        var steps = Configuration.LinearEstimateSteps;
        using var image = steps > 0 ? op.LinearEstimate(y, steps, conditioning.NoiseLevel) : op.PseudoInverse(y); // [B, 1, C, H, W]
        return image.squeeze(1);
    }

    /// <summary>H⁺y of the shape of the images; zeros where nothing is measured, null for a network that takes none.</summary>
    internal Tensor? Measured(Tensor like, Conditioning c)
    {
        if (Configuration.Kind == NetworkKind.Unconditional)
            return null;
        return (c.MeasuredImage ?? MeasuredImage(c))?.expand(like.shape) ?? zeros_like(like);
    }

    /// <summary>The joint estimate of x and, where the network is conditioned on it, of y: <c>[B, C, H, W]</c>.</summary>
    internal Tensor Estimate(Tensor x, Tensor sigma, Conditioning c)
    {
        var measured = Configuration.Kind != NetworkKind.Unconditional && c.Operator is not null;
        return measured
            ? JointEstimate.Compute(Prior(Shape(x)), x, sigma, c.Operator, c.Measurements, c.NoiseLevel, c.DualStart)
            : JointEstimate.Compute(Prior(Shape(x)), x, sigma);
    }

    // The inputs behind the estimate, [B, n·C, H, W]; null for a network without.
    private Tensor? Further(Tensor x, Tensor sigma, Conditioning c)
    {
        if (!Configuration.VarianceInput && !Configuration.MisfitInput)
            return null;
        using var noGrad = no_grad();
        var inputs = new List<Tensor>();
        if (Configuration.VarianceInput)
            inputs.Add(FurtherInputs.Deviation(x, sigma, c));
        if (Configuration.MisfitInput)
            inputs.Add(FurtherInputs.Misfit(x, c));
        return cat(inputs, 1);
    }

    private static ImageShape Shape(Tensor x) => new((int)x.shape[1], (int)x.shape[2], (int)x.shape[3]);

    // Made once for a size; the network's own images have one.
    private CosinePrior Prior(ImageShape image)
    {
        var weight = _logvarLinear.Weight; // devices have no equality of their own
        if (
            _prior?.Image != image
            || _prior.Variances.device_type != weight.device_type
            || _prior.Variances.device_index != weight.device_index
        )
        {
            _prior?.Dispose();
            _prior = new(image, ScalarType.Float32, Device);
        }
        return _prior;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _disposed = true;
            _prior?.Dispose();
        }
        base.Dispose(disposing);
    }

    /// <summary>Refuses to work without weights.</summary>
    /// <exception cref="ObjectDisposedException">The network is disposed.</exception>
    internal void RequireAlive() => ObjectDisposedException.ThrowIf(_disposed, this);

    // libtorch would name neither the input nor what fits, or broadcast in silence.
    private void CheckInputs(Tensor x, Tensor sigma, Conditioning c)
    {
        RequireAlive();
        TensorMemory.RequireAlive(x, nameof(x));
        TensorMemory.RequireAlive(sigma, nameof(sigma));
        var n = Configuration;
        var coarsest = n.PatchAt(n.Levels.Count - 1);
        Require(
            x.dim() == 4 && x.shape[0] > 0 && x.shape[1] == n.Channels && x.shape[2] % coarsest == 0 && x.shape[3] % coarsest == 0,
            x,
            $"the network takes [B, {n.Channels}, H, W] with B of at least 1 and sides that are multiples of {coarsest}"
        );
        var (batch, height, width) = (x.shape[0], x.shape[2], x.shape[3]);
        Require(sigma.dim() <= 1 && (sigma.NumberOfElements == batch || sigma.NumberOfElements == 1), sigma, $"σ must be [{batch}] or [1]");
        RequirePositive(sigma);
        if (c.Operator is { Image: var image })
            Require(image == new ImageShape(n.Channels, (int)height, (int)width), x, $"the operator is made for {image} images");
        InverseProblem.Check(c.Operator, c.Measurements, batch);
        if (c.Measurements is { } y)
            Require(y.shape[0] == batch, y, $"measurements must be [{batch}, 1, O]");
        if (c.ClassLabels is { } labels)
            Require(labels.dim() == 1 && labels.shape[0] == batch, labels, $"class labels must be [{batch}]");
        if (c.NoiseLevel is { } level)
            Require(level.dim() == 1 && (level.shape[0] == batch || level.shape[0] == 1), level, $"σ_y must be [{batch}] or [1]");
        if (c.Augmentation is { } a)
            Require(
                a.dim() == 2 && (a.shape[0] == batch || a.shape[0] == 1) && a.shape[1] == HourglassTransformer.AugmentationParameters,
                a,
                $"augmentation must be [{batch}, {HourglassTransformer.AugmentationParameters}]"
            );

        static void Require(bool fits, Tensor given, string needed)
        {
            if (!fits)
                throw new ArgumentException($"{needed}, not [{string.Join(", ", given.shape)}]");
        }

        // ln σ is an input: of 0 it would make NaN of everything, in silence.
        static void RequirePositive(Tensor sigma)
        {
            if (sigma.device_type != TorchSharp.DeviceType.CPU)
                return;
            using var levels = sigma.detach().to_type(ScalarType.Float64);
            foreach (var level in TensorMemory.Numbers<double>(levels))
                if (!(level > 0 && double.IsFinite(level)))
                    throw new ArgumentException(
                        $"σ is {level}: a noise level must be above 0 and finite; at 0 the image itself is the answer"
                    );
        }
    }
}
