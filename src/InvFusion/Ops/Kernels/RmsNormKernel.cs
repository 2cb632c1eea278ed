using System.Runtime.Intrinsics;
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
        using var source = x.contiguous();
        using var scales = scale.contiguous();
        using var deltas = delta?.contiguous();
        var sum = delta is null ? null : empty(x.shape, ScalarType.Float32);
        var result = empty(x.shape, dtype);
        var width = (int)x.shape[^1];
        var rows = (int)(x.NumberOfElements / width);
        var perScale = rows / (int)(scale.NumberOfElements / width);
        float* from = TensorMemory.Floats(source),
            by = TensorMemory.Floats(scales),
            kept = sum is null ? null : TensorMemory.Floats(sum);
        var add = deltas is null ? 0 : TensorMemory.Address(deltas);
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
        // The ends of rows that are no whole vectors have loops of their own: a call in the main one would drive its sums out of the registers.
        private int Whole => width / Lanes.Width * Lanes.Width;

        public void Run(int start, int end)
        {
            for (var row = start; row < end; row++)
            {
                var from = x + (long)row * width;
                float squares;
                if (delta is not null)
                {
                    var kept = sum + (long)row * width;
                    squares = AddAndSquare(from, delta + (long)row * width, kept);
                    from = kept;
                }
                else
                    squares = Square(from);
                var inverse = 1 / MathF.Sqrt(squares / width + (float)RmsNorm.Epsilon);
                Scale(from, scale + (long)(row / perScale) * width, Vector512.Create(inverse), result + (long)row * width);
            }
        }

        private float AddAndSquare(float* from, T* add, float* to)
        {
            var squares = Vector512<float>.Zero;
            var i = 0;
            for (; i < Whole; i += Lanes.Width)
            {
                var value = Vector512.Load(from + i) + T.Load(add + i);
                value.Store(to + i);
                squares = Vector512.FusedMultiplyAdd(value, value, squares);
            }
            if (i < width)
            {
                var value = Lanes.LoadFew((Float32Lane*)(from + i), width - i) + Lanes.LoadFew(add + i, width - i);
                Lanes.StoreFew((Float32Lane*)(to + i), width - i, value);
                squares = Vector512.FusedMultiplyAdd(value, value, squares);
            }
            return Vector512.Sum(squares);
        }

        private float Square(float* from)
        {
            var squares = Vector512<float>.Zero;
            var i = 0;
            for (; i < Whole; i += Lanes.Width)
            {
                var value = Vector512.Load(from + i);
                squares = Vector512.FusedMultiplyAdd(value, value, squares);
            }
            if (i < width)
            {
                var value = Lanes.LoadFew((Float32Lane*)(from + i), width - i);
                squares = Vector512.FusedMultiplyAdd(value, value, squares);
            }
            return Vector512.Sum(squares);
        }

        private void Scale(float* from, float* by, Vector512<float> inverse, T* to)
        {
            var i = 0;
            for (; i < Whole; i += Lanes.Width)
                T.Store(to + i, Vector512.Load(from + i) * (Vector512.Load(by + i) * inverse));
            if (i < width)
            {
                var scaled = Lanes.LoadFew((Float32Lane*)(by + i), width - i) * inverse;
                Lanes.StoreFew(to + i, width - i, Lanes.LoadFew((Float32Lane*)(from + i), width - i) * scaled);
            }
        }
    }
}
