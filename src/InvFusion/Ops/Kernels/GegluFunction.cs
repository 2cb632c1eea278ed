using System.Runtime.Intrinsics;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary><see cref="GegluKernel"/> as a node of the graph: the input alone is kept.</summary>
internal sealed class GegluFunction : autograd.SingleTensorFunction<GegluFunction>
{
    /// <inheritdoc/>
    public override string Name => nameof(GegluFunction);

    /// <summary>Halves (a, g) of the last dimension give a · gelu(g).</summary>
    public static Tensor Apply(Tensor x) => apply(x);

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var x = (Tensor)vars[0];
        ctx.save_for_backward([x]);
        using var noGrad = no_grad();
        return GegluKernel.Apply(x);
    }

    /// <inheritdoc/>
    public override unsafe List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Tensor x = ctx.get_saved_variables()[0].contiguous(),
            gradient = grad_output.contiguous(),
            result = empty(x.shape, x.dtype);
        var width = (int)x.shape[^1] / 2;
        var rows = (int)(x.NumberOfElements / (2 * width));
        nint from = TensorMemory.Address(x),
            given = TensorMemory.Address(gradient),
            to = TensorMemory.Address(result);
        var grain = Math.Max(1, 16384 / width);
        if (x.dtype == ScalarType.BFloat16)
            CpuTeam.For(rows, grain, new Work<Bfloat16Lane>((Bfloat16Lane*)from, (Bfloat16Lane*)given, (Bfloat16Lane*)to, width));
        else
            CpuTeam.For(rows, grain, new Work<Float32Lane>((Float32Lane*)from, (Float32Lane*)given, (Float32Lane*)to, width));
        return [result.MoveToOuterDisposeScope()];
    }

    // y = a g Φ(g): da = dy g Φ(g), dg = dy a (Φ(g) + g φ(g)).
    private readonly unsafe struct Work<T>(T* x, T* gradient, T* result, int width) : IRangeWork
        where T : unmanaged, ILane<T>
    {
        public void Run(int start, int end)
        {
            for (var row = start; row < end; row++)
            {
                T* value = x + (long)row * 2 * width,
                    dy = gradient + (long)row * width,
                    to = result + (long)row * 2 * width;
                var i = 0;
                for (; i + Lanes.Width <= width; i += Lanes.Width)
                {
                    var (toValue, toGate) = Of(T.Load(value + i), T.Load(value + width + i), T.Load(dy + i));
                    T.Store(to + i, toValue);
                    T.Store(to + width + i, toGate);
                }
                var rest = width - i;
                if (rest > 0)
                {
                    var (toValue, toGate) = Of(
                        Lanes.LoadFew(value + i, rest),
                        Lanes.LoadFew(value + width + i, rest),
                        Lanes.LoadFew(dy + i, rest)
                    );
                    Lanes.StoreFew(to + i, rest, toValue);
                    Lanes.StoreFew(to + width + i, rest, toGate);
                }
            }
        }

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.AggressiveInlining)]
        private static (Vector512<float>, Vector512<float>) Of(Vector512<float> a, Vector512<float> g, Vector512<float> dy)
        {
            var (cdf, density) = Lanes.Normal(g);
            return (dy * g * cdf, dy * a * (cdf + g * density));
        }
    }
}
