using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Decimation by a large stride after a random kernel: normal draws of side min(image, 2·stride), divided by their sum.</summary>
public sealed class SuperResolutionFamily : DegradationFamily
{
    /// <summary>Smallest j of the stride 2^j.</summary>
    public int MinStrideLog2 { get; init; } = 3;

    /// <summary>Largest j of the stride 2^j; null for log2 of the image's smaller side, less one.</summary>
    public int? MaxStrideLog2 { get; init; }

    /// <summary>Sums the channels, each through its own kernel, into one.</summary>
    public bool MixColor { get; init; }

    /// <inheritdoc/>
    public override string Name => "sr";

    /// <inheritdoc/>
    public override LinearOperator Draw(ImageShape image, IReadOnlyList<RandomStream> samples, RandomStream batch, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(samples);
        using var scope = NewDisposeScope();
        var (height, width) = (image.Height, image.Width);
        var largest = MaxStrideLog2 ?? (int)Math.Log2(Math.Min(height, width)) - 1;
        var stride = PowerOfTwo(
            batch,
            MinStrideLog2,
            largest,
            s => 2 * s <= Math.Min(height, width) && 2 * height % s == 0 && 2 * width % s == 0
        );
        var (channels, kh, kw) = (MixColor ? image.Channels : 1, Math.Min(height, 2 * stride), Math.Min(width, 2 * stride));
        var kernels = Stack(samples.Select(s => DrawKernel(s, channels * kh * kw)), channels, kh, kw, device);
        return new FourierOperator(image, kernels, stride, MixColor, batchThreshold: Shared);
    }

    /// <summary>The kernel of one sample from normal draws: their sum becomes 1.</summary>
    internal static float[] Kernel(ReadOnlySpan<float> normals)
    {
        var sum = 0.0;
        foreach (var v in normals)
            sum += v;
        var kernel = new float[normals.Length];
        for (var i = 0; i < kernel.Length; i++)
            kernel[i] = (float)(normals[i] / sum);
        return kernel;
    }

    // The sum has standard deviation √n. One near 0 would give a kernel without bound: drawn again, except in the public form.
    private float[] DrawKernel(RandomStream stream, int count)
    {
        var normals = new float[count];
        do stream.FillNormal(normals);
        while (!Shared && Math.Abs(normals.Sum()) < 0.1 * Math.Sqrt(count));
        return Kernel(normals);
    }
}
