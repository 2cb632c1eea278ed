using InvFusion.Degradations;
using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>What was measured: y = H x + σ_y n. The record refers to its tensors and does not own them.</summary>
/// <param name="Operator">H, one operator per sample or one for all.</param>
/// <param name="Measurements">y, <c>[B, 1, O]</c>.</param>
/// <param name="SigmaY">σ_y, the standard deviation of the measurement noise, in units of the images.</param>
public sealed record InverseProblem(LinearOperator Operator, Tensor Measurements, double SigmaY = 0);
