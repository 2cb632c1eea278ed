using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Blur by a shaking camera, then decimation: a motion kernel of half the image's size, convolved with a Gaussian of std = stride.</summary>
public sealed class MotionBlurFamily : DegradationFamily
{
    /// <summary>Smallest j of the stride 2^j.</summary>
    public int MinStrideLog2 { get; init; } = 1;

    /// <summary>Largest j of the stride 2^j.</summary>
    public int MaxStrideLog2 { get; init; } = 3;

    /// <summary>A fixed stride, in place of a drawn one.</summary>
    public int? Stride { get; init; }

    /// <summary>Range of the intensity: 0 for straight motion to 1 for a wild one.</summary>
    public (double Low, double High) Intensity { get; init; } = (0, 1);

    /// <inheritdoc/>
    public override string Name => "motion";

    /// <inheritdoc/>
    public override LinearOperator Draw(ImageShape image, IReadOnlyList<RandomStream> samples, RandomStream batch, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        var (height, width) = (image.Height, image.Width);
        var stride = Stride ?? PowerOfTwo(batch, MinStrideLog2, MaxStrideLog2, s => 2 * height % s == 0 && 2 * width % s == 0);
        var (kh, kw) = (Math.Max(1, height / 2), Math.Max(1, width / 2));
        IEnumerable<RandomStream> streams = Shared ? [batch] : samples; // the public implementation has one kernel for the batch
        var kernels = streams.Select(s => DrawKernel(s, kw, kh, stride));
        return new FourierOperator(image, Stack(kernels, 1, kh, kw, device), stride, batchThreshold: Shared);
    }

    /// <summary>A motion kernel convolved with a Gaussian of the stride's width, whose taps lie within half a kernel; normalised to sum 1.</summary>
    internal static float[] Widen(ReadOnlySpan<float> motion, int width, int height, int stride)
    {
        var gaussian = Enumerable.Range(0, Math.Max(width, height)).Select(d => Gaussian(d, stride)).ToArray(); // by distance
        var across = new double[width * height];
        for (var y = 0; y < height; y++)
        for (var x = 0; x < width; x++)
        for (var from = Math.Max(0, x - Reach(width) + 1); from < width && x - from >= -(width / 2); from++)
            across[y * width + x] += gaussian[Math.Abs(x - from)] * motion[y * width + from];
        var kernel = new double[width * height];
        for (var y = 0; y < height; y++)
        for (var from = Math.Max(0, y - Reach(height) + 1); from < height && y - from >= -(height / 2); from++)
        {
            var weight = gaussian[Math.Abs(y - from)];
            for (var x = 0; x < width; x++)
                kernel[y * width + x] += weight * across[from * width + x];
        }
        var sum = kernel.Sum();
        return Array.ConvertAll(kernel, v => (float)(v / sum));
    }

    private float[] DrawKernel(RandomStream stream, int width, int height, int stride)
    {
        var intensity = stream.NextUniform(Intensity.Low, Intensity.High);
        var motion = MotionKernel.FromPath(MotionPath.Draw(stream, width, height, intensity), width, height);
        return Widen(motion, width, height, stride);
    }

    // The Gaussian has as many taps as the kernel, its peak at index n/2: offsets -n/2 … n - n/2 - 1.
    private static int Reach(int length) => length - length / 2;

    private static double Gaussian(int offset, int std) => Math.Exp(-(double)offset * offset / (2.0 * std * std));
}
