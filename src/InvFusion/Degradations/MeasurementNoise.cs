using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>The noise of simulated measurements.</summary>
public static class MeasurementNoise
{
    // Keeps these streams apart from others (operators, samples) that start from the same seed.
    private const ulong Purpose = 0x6E6F697365;

    /// <summary>
    /// Standard deviation of the rounding of a picture of 8 bits, a step of 2/255 over √12, in units of the images: σ_y of a measurement that was read from one is
    /// at least this.
    /// </summary>
    public const double Rounding = 2 / 255.0 / 3.4641016151377544;

    /// <summary>y + σ_y n, with a random stream for each measurement: its noise does not depend on the batch, nor on who restores it.</summary>
    /// <param name="op">H, which says what noise in pixels is in a measurement.</param>
    /// <param name="measurements">y, <c>[B, 1, O]</c>.</param>
    /// <param name="sigmaY">σ_y, in units of the images.</param>
    /// <param name="seeds">A seed for each measurement.</param>
    /// <returns><c>[B, 1, O]</c>, as a fresh tensor that the caller owns.</returns>
    public static Tensor Add(LinearOperator op, Tensor measurements, double sigmaY, IEnumerable<ulong> seeds)
    {
        ArgumentNullException.ThrowIfNull(op);
        ArgumentNullException.ThrowIfNull(measurements);
        if (sigmaY == 0)
            return measurements.clone();
        using var turn = TorchTurn.Take();
        using var scope = NewDisposeScope();
        var normals = new float[measurements.NumberOfElements];
        var length = op.MeasurementLength;
        foreach (var (i, seed) in seeds.Index())
            new RandomStream(seed, Purpose).FillNormal(normals.AsSpan(i * length, length));
        var noise = op.Noise(tensor(normals, device: measurements.device).view(measurements.shape));
        return (measurements + noise * sigmaY).MoveToOuterDisposeScope();
    }
}
