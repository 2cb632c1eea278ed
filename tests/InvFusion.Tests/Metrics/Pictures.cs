using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Tests.Metrics;

/// <summary>Pictures made by code: ellipses of one colour on a gradient; and worse versions of them.</summary>
internal static class Pictures
{
    private const int Side = 64;

    /// <summary>Images <c>[count, 3, 64, 64]</c> uint8.</summary>
    public static Tensor Draw(int count, ulong seed)
    {
        var pixels = new byte[count * 3 * Side * Side];
        for (var i = 0; i < count; i++)
            Draw(pixels.AsSpan(i * 3 * Side * Side, 3 * Side * Side), new RandomStream(seed, (ulong)i));
        return tensor(pixels).view(count, 3, Side, Side);
    }

    /// <summary>The images blurred, noisy or with a hole, the more so the larger the strength.</summary>
    public static Tensor Degrade(Tensor images, string degradation, int strength)
    {
        using var scope = NewDisposeScope();
        var x = images.to_type(ScalarType.Float32);
        switch (degradation)
        {
            case "blur":
                var kernel = 2 * strength + 1;
                x = nn.functional.avg_pool2d(x, kernel, stride: 1, padding: strength, count_include_pad: false);
                break;
            case "noise":
                var noise = new float[x.NumberOfElements];
                new RandomStream(7).FillNormal(noise);
                x = x + tensor(noise).view(x.shape) * (8 * strength);
                break;
            default:
                var side = 8 * strength;
                x = x.clone();
                x.narrow(2, 30 - side / 2, side).narrow(3, 32 - side / 2, side).fill_(128);
                break;
        }
        return x.clamp(0, 255).to_type(ScalarType.Byte).MoveToOuterDisposeScope();
    }

    private static void Draw(Span<byte> planes, RandomStream stream)
    {
        Span<double> from = stackalloc double[3],
            to = stackalloc double[3];
        for (var c = 0; c < 3; c++)
            (from[c], to[c]) = (stream.NextUniform(20, 235), stream.NextUniform(20, 235));
        for (var c = 0; c < 3; c++)
        for (var y = 0; y < Side; y++)
            planes.Slice((c * Side + y) * Side, Side).Fill((byte)(from[c] + (to[c] - from[c]) * y / Side));
        for (var shape = 0; shape < 6; shape++)
        {
            var (cx, cy) = (stream.NextUniform(0, Side), stream.NextUniform(0, Side));
            var (rx, ry) = (stream.NextUniform(3, 18), stream.NextUniform(3, 18));
            for (var c = 0; c < 3; c++)
            {
                var colour = (byte)stream.NextUniform(0, 256);
                for (var y = 0; y < Side; y++)
                for (var x = 0; x < Side; x++)
                    if (Math.Pow((x - cx) / rx, 2) + Math.Pow((y - cy) / ry, 2) < 1)
                        planes[(c * Side + y) * Side + x] = colour;
            }
        }
    }
}
