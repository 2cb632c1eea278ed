using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>Residual sum and <see cref="RmsNorm"/> in one pass over the tokens.</summary>
internal static unsafe class RmsNormKernel
{
    /// <summary>x · scale · rsqrt(mean(x²) + ε), as <see cref="RmsNorm.Apply"/>.</summary>
    /// <param name="x"><c>[…, d]</c> float32.</param>
    /// <param name="scale"><c>[B, d]</c> or <c>[1, d]</c> float32; each row serves as many tokens.</param>
    /// <param name="dtype">Type of the result.</param>
    public static Tensor Apply(Tensor x, Tensor scale, ScalarType dtype) => Run(x, null, scale, dtype).Normalized;

    /// <summary>x + delta, and its norm.</summary>
    /// <param name="x"><c>[…, d]</c> float32.</param>
    /// <param name="delta">Of the shape of <paramref name="x"/>, in the given type.</param>
    /// <param name="scale"><c>[B, d]</c> or <c>[1, d]</c> float32.</param>
    /// <param name="dtype">Type of <paramref name="delta"/> and of the norm.</param>
    public static (Tensor Sum, Tensor Normalized) AddThenApply(Tensor x, Tensor delta, Tensor scale, ScalarType dtype)
    {
        var (sum, normalized) = Run(x, delta, scale, dtype);
        return (sum!, normalized);
    }

    private static (Tensor? Sum, Tensor Normalized) Run(Tensor x, Tensor? delta, Tensor scale, ScalarType dtype)
    {
        using TensorRows source = new(x),
            scales = new(scale),
            deltas = new(delta ?? x, delta is null ? ScalarType.Float32 : dtype);
        var sum = delta is null ? null : empty(x.shape, ScalarType.Float32);
        var result = empty(x.shape, dtype);
        var width = (int)x.shape[^1];
        var rows = (int)(x.NumberOfElements / width);
        var perScale = rows / (int)(scale.NumberOfElements / width);
        float* from = source.Floats,
            by = scales.Floats,
            kept = sum is null ? null : TensorMemory.Floats(sum);
        var add = delta is null ? 0 : deltas.Address;
        if (dtype == ScalarType.BFloat16)
            CpuTeam.For(
                rows,
                Grain(width),
                new Work<Bfloat16Lane>(from, (Bfloat16Lane*)add, kept, by, (Bfloat16Lane*)TensorMemory.Address(result), width, perScale)
            );
        else
            CpuTeam.For(
                rows,
                Grain(width),
                new Work<Float32Lane>(from, (Float32Lane*)add, kept, by, (Float32Lane*)TensorMemory.Address(result), width, perScale)
            );
        return (sum, result);
    }

    private static int Grain(int width) => Math.Max(1, 32768 / width);

    private readonly struct Work<T>(float* x, T* delta, float* sum, float* scale, T* result, int width, int perScale) : IRangeWork
        where T : unmanaged, ILane<T>
    {
        public void Run(int start, int end)
        {
            for (var row = start; row < end; row++)
            {
                var from = x + (long)row * width;
                float squares;
                if (delta is not null)
                {
                    var kept = sum + (long)row * width;
                    squares = RmsNormRow.AddAndSquare(from, delta + (long)row * width, kept, width);
                    from = kept;
                }
                else
                    squares = RmsNormRow.Square(from, width);
                RmsNormRow.Scale(from, squares, scale + (long)(row / perScale) * width, result + (long)row * width, width);
            }
        }
    }
}
