using System.Runtime.Intrinsics;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Ops.Kernels;

/// <summary>Softmax over the last dimension and its way back, in place and in one pass over memory; sums are float32.</summary>
internal static unsafe class SoftmaxKernel
{
    private const int Piece = 16384;

    [ThreadStatic]
    private static Scratch? _scratch;

    /// <summary>Logits become weights.</summary>
    /// <param name="logits">Contiguous, float32 or bfloat16.</param>
    public static void Apply(Tensor logits)
    {
        var (rows, length) = Rows(logits);
        var at = TensorMemory.Address(logits);
        if (logits.dtype == ScalarType.BFloat16)
            CpuTeam.For(rows, Piece / length, new Work<Bfloat16Lane>((Bfloat16Lane*)at, length));
        else
            CpuTeam.For(rows, Piece / length, new Work<Float32Lane>((Float32Lane*)at, length));
    }

    /// <summary>The gradient of the weights p becomes that of the logits: dS = p (dP - ⟨p, dP⟩).</summary>
    /// <param name="weights">p, as <see cref="Apply"/> left them.</param>
    /// <param name="gradient">dP, then dS; contiguous, of the weights' shape and type.</param>
    public static void Back(Tensor weights, Tensor gradient)
    {
        var (rows, length) = Rows(weights);
        nint p = TensorMemory.Address(weights),
            slopes = TensorMemory.Address(gradient);
        if (weights.dtype == ScalarType.BFloat16)
            CpuTeam.For(rows, Piece / length, new BackWork<Bfloat16Lane>((Bfloat16Lane*)p, (Bfloat16Lane*)slopes, length));
        else
            CpuTeam.For(rows, Piece / length, new BackWork<Float32Lane>((Float32Lane*)p, (Float32Lane*)slopes, length));
    }

    private static (int Rows, int Length) Rows(Tensor x)
    {
        var length = (int)x.shape[^1];
        return ((int)(x.NumberOfElements / length), length);
    }

    private readonly struct Work<T>(T* rows, int length) : IRangeWork
        where T : unmanaged, ILane<T>
    {
        public void Run(int start, int end)
        {
            var padded = Lanes.Padded(length);
            var row = Scratch.Floats(ref _scratch, padded);
            for (var r = start; r < end; r++)
            {
                var at = rows + (long)r * length;
                var i = 0;
                for (; i + Lanes.Width <= length; i += Lanes.Width)
                    T.Load(at + i).Store(row + i);
                if (i < length)
                {
                    Lanes.LoadFew(at + i, length - i).Store(row + i);
                    new Span<float>(row + length, padded - length).Fill(float.NegativeInfinity);
                }
                var by = Vector512.Create(1 / AttentionTile.Exponentials(row, padded));
                for (i = 0; i + Lanes.Width <= length; i += Lanes.Width)
                    T.Store(at + i, Vector512.Load(row + i) * by);
                if (i < length)
                    Lanes.StoreFew(at + i, length - i, Vector512.Load(row + i) * by);
            }
        }
    }

    private readonly struct BackWork<T>(T* weights, T* slopes, int length) : IRangeWork
        where T : unmanaged, ILane<T>
    {
        public void Run(int start, int end)
        {
            for (var r = start; r < end; r++)
                Row(weights + (long)r * length, slopes + (long)r * length);
        }

        private void Row(T* p, T* slope)
        {
            var product = Vector512<float>.Zero;
            var i = 0;
            for (; i + Lanes.Width <= length; i += Lanes.Width)
                product = Vector512.FusedMultiplyAdd(T.Load(p + i), T.Load(slope + i), product);
            var rest = length - i;
            if (rest > 0)
                product += Lanes.LoadFew(p + i, rest) * Lanes.LoadFew(slope + i, rest);
            var mean = Vector512.Create(Vector512.Sum(product));
            for (i = 0; i + Lanes.Width <= length; i += Lanes.Width)
                T.Store(slope + i, T.Load(p + i) * (T.Load(slope + i) - mean));
            if (rest > 0)
                Lanes.StoreFew(slope + i, rest, Lanes.LoadFew(p + i, rest) * (Lanes.LoadFew(slope + i, rest) - mean));
        }
    }
}
