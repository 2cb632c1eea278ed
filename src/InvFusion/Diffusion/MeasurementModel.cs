using InvFusion.Degradations;
using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>H, H⁺ and y as the zero-shot samplers use them: on images <c>[B, C, H, W]</c>, one measurement each. It owns nothing.</summary>
internal sealed class MeasurementModel
{
    private readonly LinearOperator _operator;
    private readonly InverseProblem _problem;
    private readonly INoiseSource _noise;

    /// <summary>Takes the request's problem; the paper's forms need the exact H⁺, the public ones the network's.</summary>
    /// <exception cref="ConfigurationException">The request has no measurement.</exception>
    public MeasurementModel(string sampler, SamplingRequest request, SamplerVariant variant)
    {
        _problem =
            request.Problem ?? throw new ConfigurationException($"the sampler {sampler} needs a measurement: there is no H and y here");
        _operator = variant == SamplerVariant.Paper ? _problem.Operator.Exact : _problem.Operator;
        _noise = request.Noise;
    }

    /// <summary>H.</summary>
    public LinearOperator Operator => _operator;

    /// <summary>σ_y in units of the images.</summary>
    public double SigmaY => _problem.SigmaY;

    /// <summary>What noise of 1 in pixels is in a number of y.</summary>
    public double Gain => _operator.NoiseGain;

    /// <summary>y, <c>[B, 1, O]</c>.</summary>
    public Tensor Measured => _problem.Measurements.expand(_noise.BatchSize, -1, -1);

    /// <summary>H x, <c>[B, 1, O]</c>.</summary>
    public Tensor Apply(Tensor images) => _operator.Apply(images.unsqueeze(1));

    /// <summary>Hᵀ r, <c>[B, C, H, W]</c>.</summary>
    public Tensor Adjoint(Tensor measurements) => _operator.Adjoint(measurements).squeeze(1);

    /// <summary>H⁺ r, or Hᵀ(HHᵀ + λ²)⁻¹ r with a damping λ in units of the images.</summary>
    public Tensor Back(Tensor measurements, double damping = 0) => _operator.PseudoInverse(measurements, damping).squeeze(1);

    /// <summary>y - H x, <c>[B, 1, O]</c>.</summary>
    public Tensor Residual(Tensor images) => Measured - Apply(images);

    /// <summary>Fresh measurement noise of standard deviation 1 in pixels, <c>[B, 1, O]</c>.</summary>
    public Tensor Noise() => _operator.Noise(_noise.Normal(1, _operator.MeasurementLength));
}
