using System.Runtime.Intrinsics;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>The way back through <see cref="RmsNormKernel"/>, in one pass over the tokens.</summary>
internal static unsafe class RmsNormBack
{
    // Each piece of rows sums its own share of the scale's gradient: their number must not depend on the threads, or the sums would.
    private const int Pieces = 16;

    [ThreadStatic]
    private static Scratch? _scratch;

    /// <summary>Gradients of x, and of delta where x is a sum with one, and of the scale.</summary>
    /// <param name="x">What was normalised, float32.</param>
    /// <param name="scale"><c>[d]</c>, or one row a sample.</param>
    /// <param name="gradient">Of the norm, float32 or bfloat16.</param>
    /// <param name="around">Where x is a sum: what comes back to it around the norm.</param>
    /// <returns>Delta's gradient has the type of <paramref name="gradient"/>; null where x is no sum.</returns>
    public static (Tensor X, Tensor? Delta, Tensor Scale) Apply(Tensor x, Tensor scale, Tensor gradient, Tensor? around = null)
    {
        using var scope = NewDisposeScope();
        using TensorRows values = new(x),
            scales = new(scale),
            given = new(gradient, gradient.dtype),
            besides = new(around ?? x);
        var width = (int)x.shape[^1];
        int count = (int)(scale.NumberOfElements / width),
            perScale = (int)(x.NumberOfElements / width) / count,
            perPiece = (perScale + Pieces - 1) / Pieces;
        var split = new Split(width, perScale, perPiece, (perScale + perPiece - 1) / perPiece);
        Tensor toX = empty(x.shape, ScalarType.Float32),
            toScale = zeros([count, split.Pieces, width], ScalarType.Float32);
        var toDelta = around is null ? null : empty(x.shape, gradient.dtype);
        float* from = values.Floats,
            by = scales.Floats,
            add = around is null ? null : besides.Floats,
            to = TensorMemory.Floats(toX),
            sums = TensorMemory.Floats(toScale);
        nint dy = given.Address,
            half = toDelta is null ? 0 : TensorMemory.Address(toDelta);
        if (gradient.dtype == ScalarType.BFloat16)
            CpuTeam.For(
                count * split.Pieces,
                1,
                new Work<Bfloat16Lane>(from, by, (Bfloat16Lane*)dy, add, to, (Bfloat16Lane*)half, sums, split)
            );
        else
            CpuTeam.For(
                count * split.Pieces,
                1,
                new Work<Float32Lane>(from, by, (Float32Lane*)dy, add, to, (Float32Lane*)half, sums, split)
            );
        return (
            toX.MoveToOuterDisposeScope(),
            toDelta?.MoveToOuterDisposeScope(),
            toScale.sum(1, false, null).view(scale.shape).MoveToOuterDisposeScope()
        );
    }

    // How the rows of a scale are cut into pieces.
    private readonly record struct Split(int Width, int PerScale, int PerPiece, int Pieces);

    // y = s ∘ x · r, r = (mean(x²) + ε)^-½: dx = r (s ∘ dy) - x r³ ⟨s ∘ dy, x⟩/d, ds = Σ x r ∘ dy.
    private readonly struct Work<T>(float* x, float* scale, T* gradient, float* around, float* toX, T* toDelta, float* toScale, Split split)
        : IRangeWork
        where T : unmanaged, ILane<T>
    {
        public void Run(int start, int end)
        {
            var scaled = Scratch.Floats(ref _scratch, Lanes.Padded(split.Width));
            for (var item = start; item < end; item++)
            {
                var (s, piece) = (item / split.Pieces, item % split.Pieces);
                var last = Math.Min(split.PerScale, (piece + 1) * split.PerPiece);
                for (var row = piece * split.PerPiece; row < last; row++)
                    Row(
                        ((long)s * split.PerScale + row) * split.Width,
                        scale + (long)s * split.Width,
                        scaled,
                        toScale + (long)item * split.Width
                    );
            }
        }

        private void Row(long offset, float* by, float* scaled, float* sums)
        {
            var from = x + offset;
            var dy = gradient + offset;
            var (r, along) = Norm(from, by, dy, scaled);
            var width = split.Width;
            var i = 0;
            for (; i + Lanes.Width <= width; i += Lanes.Width)
            {
                var value = Vector512.Load(from + i);
                var toValue = r * Vector512.Load(scaled + i) + along * value;
                if (around is not null)
                {
                    toValue += Vector512.Load(around + offset + i);
                    T.Store(toDelta + offset + i, toValue);
                }
                toValue.Store(toX + offset + i);
                Vector512.FusedMultiplyAdd(value * r, T.Load(dy + i), Vector512.Load(sums + i)).Store(sums + i);
            }
            var rest = width - i;
            if (rest > 0)
            {
                var value = Lanes.LoadFew((Float32Lane*)(from + i), rest);
                var toValue = r * Vector512.Load(scaled + i) + along * value;
                if (around is not null)
                {
                    toValue += Lanes.LoadFew((Float32Lane*)(around + offset + i), rest);
                    Lanes.StoreFew(toDelta + offset + i, rest, toValue);
                }
                Lanes.StoreFew((Float32Lane*)(toX + offset + i), rest, toValue);
                var sum = Lanes.LoadFew((Float32Lane*)(sums + i), rest) + value * r * Lanes.LoadFew(dy + i, rest);
                Lanes.StoreFew((Float32Lane*)(sums + i), rest, sum);
            }
        }

        // r and -r³ ⟨s ∘ dy, x⟩/d, and s ∘ dy.
        private (Vector512<float> Inverse, Vector512<float> Along) Norm(float* from, float* by, T* dy, float* scaled)
        {
            Vector512<float> squares = default,
                products = default;
            var width = split.Width;
            var i = 0;
            for (; i + Lanes.Width <= width; i += Lanes.Width)
            {
                Vector512<float> value = Vector512.Load(from + i),
                    g = Vector512.Load(by + i) * T.Load(dy + i);
                g.Store(scaled + i);
                squares = Vector512.FusedMultiplyAdd(value, value, squares);
                products = Vector512.FusedMultiplyAdd(value, g, products);
            }
            var rest = width - i;
            if (rest > 0)
            {
                Vector512<float> value = Lanes.LoadFew((Float32Lane*)(from + i), rest),
                    g = Lanes.LoadFew((Float32Lane*)(by + i), rest) * Lanes.LoadFew(dy + i, rest);
                g.Store(scaled + i);
                squares = Vector512.FusedMultiplyAdd(value, value, squares);
                products = Vector512.FusedMultiplyAdd(value, g, products);
            }
            var r = 1 / MathF.Sqrt(Vector512.Sum(squares) / width + (float)RmsNorm.Epsilon);
            return (Vector512.Create(r), Vector512.Create(-r * r * r * Vector512.Sum(products) / width));
        }
    }
}
