using System.Runtime.Intrinsics;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary><see cref="RmsNormKernel"/> as a node of the graph.</summary>
internal sealed class RmsNormFunction : autograd.SingleTensorFunction<RmsNormFunction>
{
    // Each piece of rows sums its own share of the scale's gradient: their number must not depend on the threads, or the sums would.
    private const int Pieces = 16;

    [ThreadStatic]
    private static Scratch? _scratch;

    /// <inheritdoc/>
    public override string Name => nameof(RmsNormFunction);

    /// <summary>x · scale · rsqrt(mean(x²) + ε) of x <c>[…, d]</c> float32 and a scale of <c>[d]</c> or one row a sample.</summary>
    public static Tensor Apply(Tensor x, Tensor scale, ScalarType dtype) => apply(x, scale, dtype);

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, scale, dtype) = ((Tensor)vars[0], (Tensor)vars[1], (ScalarType)vars[2]);
        ctx.save_for_backward([x, scale]);
        using var noGrad = no_grad();
        return RmsNormKernel.Apply(x, scale, dtype);
    }

    /// <inheritdoc/>
    public override unsafe List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var saved = ctx.get_saved_variables();
        Tensor x = saved[0].contiguous(),
            scale = saved[1].contiguous(),
            gradient = grad_output.contiguous();
        var width = (int)x.shape[^1];
        int rows = (int)(x.NumberOfElements / width),
            scales = (int)(scale.NumberOfElements / width),
            perScale = rows / scales,
            perPiece = (perScale + Pieces - 1) / Pieces,
            pieces = (perScale + perPiece - 1) / perPiece;
        Tensor toX = empty(x.shape, ScalarType.Float32),
            toScale = zeros([scales, pieces, width], ScalarType.Float32);
        float* from = Floats(x),
            by = Floats(scale),
            xGradient = Floats(toX),
            scaleGradient = Floats(toScale);
        var given = TensorMemory.Address(gradient);
        if (gradient.dtype == ScalarType.BFloat16)
            CpuTeam.For(
                scales * pieces,
                1,
                new Work<Bfloat16Lane>(from, by, (Bfloat16Lane*)given, xGradient, scaleGradient, width, perScale, perPiece, pieces)
            );
        else
            CpuTeam.For(
                scales * pieces,
                1,
                new Work<Float32Lane>(from, by, (Float32Lane*)given, xGradient, scaleGradient, width, perScale, perPiece, pieces)
            );
        return [toX.MoveToOuterDisposeScope(), toScale.sum(1, false, null).view(saved[1].shape).MoveToOuterDisposeScope(), null!];
    }

    private static unsafe float* Floats(Tensor tensor) => TensorMemory.Floats(tensor);

    // y = s ∘ x · r, r = (mean(x²) + ε)^-½: dx = r (s ∘ dy) - x r³ ⟨s ∘ dy, x⟩/d, ds = Σ x r ∘ dy.
    private readonly unsafe struct Work<T>(
        float* x,
        float* scale,
        T* gradient,
        float* toX,
        float* toScale,
        int width,
        int perScale,
        int perPiece,
        int pieces
    ) : IRangeWork
        where T : unmanaged, ILane<T>
    {
        public void Run(int start, int end)
        {
            var scaled = Scratch.Floats(ref _scratch, Lanes.Padded(width));
            for (var item = start; item < end; item++)
            {
                var (s, piece) = (item / pieces, item % pieces);
                var last = Math.Min(perScale, (piece + 1) * perPiece);
                for (var row = piece * perPiece; row < last; row++)
                {
                    var at = ((long)s * perScale + row) * width;
                    Row(x + at, scale + (long)s * width, gradient + at, scaled, toX + at, toScale + (long)item * width);
                }
            }
        }

        private void Row(float* from, float* by, T* dy, float* scaled, float* to, float* sums)
        {
            Vector512<float> squares = default,
                products = default;
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
            Vector512<float> inverse = Vector512.Create(r),
                along = Vector512.Create(-r * r * r * Vector512.Sum(products) / width);
            for (i = 0; i + Lanes.Width <= width; i += Lanes.Width)
            {
                var value = Vector512.Load(from + i);
                (inverse * Vector512.Load(scaled + i) + along * value).Store(to + i);
                Vector512.FusedMultiplyAdd(value * inverse, T.Load(dy + i), Vector512.Load(sums + i)).Store(sums + i);
            }
            if (rest > 0)
            {
                var value = Lanes.LoadFew((Float32Lane*)(from + i), rest);
                Lanes.StoreFew((Float32Lane*)(to + i), rest, inverse * Vector512.Load(scaled + i) + along * value);
                var sum = Lanes.LoadFew((Float32Lane*)(sums + i), rest) + value * inverse * Lanes.LoadFew(dy + i, rest);
                Lanes.StoreFew((Float32Lane*)(sums + i), rest, sum);
            }
        }
    }
}
