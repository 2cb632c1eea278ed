using InvFusion.Degradations;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>What was measured: y = H x + σ_y n. The record refers to its tensors and does not own them.</summary>
/// <param name="Operator">H, one operator per sample or one for all.</param>
/// <param name="Measurements">y, <c>[B, 1, O]</c>.</param>
/// <param name="SigmaY">σ_y, the standard deviation of the measurement noise, in units of the images.</param>
public sealed record InverseProblem(LinearOperator Operator, Tensor Measurements, double SigmaY = 0)
{
    /// <summary>Checks that H and y belong together and to a batch: what does not would be broadcast, or end the process inside libtorch.</summary>
    /// <param name="op">H, or null where nothing is measured.</param>
    /// <param name="measurements">y, or null.</param>
    /// <param name="batch">B.</param>
    /// <exception cref="ArgumentException">They do not; the message says what is needed.</exception>
    /// <exception cref="ObjectDisposedException">One of them is disposed.</exception>
    internal static void Check(LinearOperator? op, Tensor? measurements, long batch)
    {
        if (op is null && measurements is null)
            return;
        if (op is null || measurements is null)
            throw new ArgumentException(
                op is null
                    ? "there is a measurement y without its operator H: give both or neither"
                    : $"there is an operator ({op.GetType().Name}) without a measurement y: give both or neither"
            );
        ObjectDisposedException.ThrowIf(op.IsDisposed, op);
        TensorMemory.RequireAlive(measurements, nameof(measurements));
        if (op.BatchSize != 1 && op.BatchSize != batch)
            throw new ArgumentException($"the operator is for {op.BatchSize} samples, not for {batch}; Select gives that of one");
        var s = measurements.shape;
        if (s.Length != 3 || (s[0] != batch && s[0] != 1) || s[1] != 1 || s[2] != op.MeasurementLength)
            throw new ArgumentException($"measurements must be [{batch}, 1, {op.MeasurementLength}], not [{string.Join(", ", s)}]");
        if (!measurements.is_floating_point())
            throw new ArgumentException(
                $"measurements must be real floating-point numbers, not {measurements.dtype}; a complex one is its real and imaginary parts"
            );
    }
}
