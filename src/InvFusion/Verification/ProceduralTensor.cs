using System.Runtime.InteropServices;
using System.Text;
using static TorchSharp.torch;

namespace InvFusion.Verification;

/// <summary>Tensors whose numbers come from an integer hash of their name and index, so that big networks need no stored weights.</summary>
internal static class ProceduralTensor
{
    /// <summary>A new tensor, see <see cref="Fill"/>.</summary>
    public static Tensor Create(string name, ReadOnlySpan<long> shape, double offset, double amplitude)
    {
        var result = empty(shape.ToArray(), float32);
        Fill(result, name, offset, amplitude);
        return result;
    }

    /// <summary>value[i] = offset + amplitude·(2·hash(name, i)/2³² - 1), i in row-major order, for a contiguous float32 tensor on the CPU.</summary>
    public static void Fill(Tensor tensor, string name, double offset, double amplitude)
    {
        var values = MemoryMarshal.Cast<byte, float>(tensor.bytes);
        var key = Fnv1A(name);
        for (var i = 0; i < values.Length; i++)
        {
            var u = Mix(unchecked(Mix((uint)i) + key)) / 4294967296.0;
            values[i] = (float)(offset + amplitude * (2 * u - 1));
        }
    }

    private static uint Mix(uint x)
    {
        unchecked
        {
            x ^= x >> 16;
            x *= 0x7FEB352D;
            x ^= x >> 15;
            x *= 0x846CA68B;
            x ^= x >> 16;
            return x;
        }
    }

    private static uint Fnv1A(string text)
    {
        var hash = 0x811C9DC5U;
        foreach (var b in Encoding.UTF8.GetBytes(text))
            hash = unchecked((hash ^ b) * 0x01000193);
        return hash;
    }
}
