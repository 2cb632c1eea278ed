using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using InvFusion.Runtime;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// The dual of a mask's joint estimate, (M P M + σ_y²) u = r on the pixels that were seen, by preconditioned conjugate gradients. An item is one plane: in the basis
/// of the channels those are independent of each other, and each ends when it is solved.
/// </summary>
internal unsafe struct MaskDual : IRangeWork
{
    /// <summary>Planes of numbers that an item works in.</summary>
    private const int Planes = 6;

    [ThreadStatic]
    private static Scratch? t_scratch;

    /// <summary>Over rows and columns.</summary>
    public PlaneTransform Transform;

    /// <summary>C.</summary>
    public int Channels;

    /// <summary>r, 0 where nothing was seen, <c>[B, C, H, W]</c>.</summary>
    public float* Residual;

    /// <summary>M, <c>[B or 1, H, W]</c>.</summary>
    public float* Mask;

    /// <summary>Diagonal of P, <c>[B or 1, C, H, W]</c>.</summary>
    public float* Variances;

    /// <summary>σ_y², <c>[B or 1]</c>.</summary>
    public float* Noise;

    /// <summary>A vector near u but for its length, and 0 where nothing was seen, or null.</summary>
    public float* Start;

    /// <summary>u.</summary>
    public float* Dual;

    /// <summary>Whether one mask serves every sample.</summary>
    public bool SharedMask;

    /// <summary>Whether all samples are at one σ.</summary>
    public bool SharedVariances;

    /// <summary>Whether all have one σ_y.</summary>
    public bool SharedNoise;

    /// <summary>Steps after which an item ends at the latest.</summary>
    public int MostSteps;

    /// <summary>Ends when the residual has fallen to this fraction, in the norm of the preconditioner.</summary>
    public double Tolerance;

    /// <inheritdoc/>
    public readonly void Run(int start, int end)
    {
        var length = Transform.Length;
        var memory = Scratch.Floats(ref t_scratch, (long)Planes * length);
        for (var item = start; item < end; item++)
        {
            var (sample, channel) = Math.DivRem(item, Channels);
            var system = new Solver(
                Transform,
                Mask + (SharedMask ? 0 : (long)sample * length),
                Variances + (SharedVariances ? channel : (long)item) * length,
                Noise[SharedNoise ? 0 : sample],
                Dual + (long)item * length,
                memory
            );
            system.Solve(Residual + (long)item * length, Start is null ? null : Start + (long)item * length, MostSteps, Tolerance);
        }
    }

    // One plane.
    private readonly struct Solver(PlaneTransform transform, float* mask, float* variances, float noise, float* u, float* memory)
    {
        private readonly int _length = transform.Length;
        private readonly float* _r = memory;
        private readonly float* _p = memory + transform.Length;
        private readonly float* _q = memory + 2 * transform.Length;
        private readonly float* _guess = memory + 3 * transform.Length;
        private readonly float* _a = memory + 4 * transform.Length;
        private readonly float* _b = memory + 5 * transform.Length;

        public void Solve(float* residual, float* start, int mostSteps, double tolerance)
        {
            new Span<float>(u, _length).Clear();
            Copy(residual, _r);
            Precondition();
            var rho = Dot(_r, _guess);
            var stop = rho * tolerance * tolerance;
            if (start is not null)
            {
                Copy(start, _p);
                Apply();
                var curvature = Dot(_p, _q);
                Move(curvature > 0 ? Dot(_p, _r) / curvature : 0);
                Precondition();
                rho = Dot(_r, _guess);
            }
            Copy(_guess, _p);
            for (var step = 0; step < mostSteps && rho > stop; step++)
            {
                Apply();
                var curvature = Dot(_p, _q);
                Move(curvature > 0 ? rho / curvature : 0);
                Precondition();
                var next = Dot(_r, _guess);
                Turn((float)(next / rho));
                rho = next;
            }
        }

        // q = (M P M + σ_y²) p.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Apply()
        {
            transform.Forward(_p, _b, _a);
            transform.Scale(_a, variances);
            transform.Inverse(_a, _b, _q);
            var level = Vector512.Create(noise);
            for (var i = 0; i < _length; i += Lanes.Width)
                Vector512.FusedMultiplyAdd(level, Vector512.Load(_p + i), Vector512.Load(_q + i) * Vector512.Load(mask + i)).Store(_q + i);
        }

        // guess = M (P + σ_y²)⁻¹ M r.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Precondition()
        {
            transform.Forward(_r, _b, _a);
            var level = Vector512.Create(noise);
            for (var i = 0; i < _length; i += Lanes.Width)
                (Vector512.Load(_a + i) / (Vector512.Load(variances + i) + level)).Store(_a + i);
            transform.Inverse(_a, _b, _guess);
            for (var i = 0; i < _length; i += Lanes.Width)
                (Vector512.Load(_guess + i) * Vector512.Load(mask + i)).Store(_guess + i);
        }

        // u += length · p, r -= length · q.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Move(double length)
        {
            var step = Vector512.Create((float)length);
            for (var i = 0; i < _length; i += Lanes.Width)
            {
                Vector512.FusedMultiplyAdd(step, Vector512.Load(_p + i), Vector512.Load(u + i)).Store(u + i);
                Vector512.FusedMultiplyAdd(-step, Vector512.Load(_q + i), Vector512.Load(_r + i)).Store(_r + i);
            }
        }

        // p = guess + β p.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Turn(float beta)
        {
            var factor = Vector512.Create(beta);
            for (var i = 0; i < _length; i += Lanes.Width)
                Vector512.FusedMultiplyAdd(factor, Vector512.Load(_p + i), Vector512.Load(_guess + i)).Store(_p + i);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private double Dot(float* a, float* b)
        {
            var sum = Vector512<float>.Zero;
            for (var i = 0; i < _length; i += Lanes.Width)
                sum = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), Vector512.Load(b + i), sum);
            return Vector512.Sum(sum);
        }

        private void Copy(float* from, float* to) => new ReadOnlySpan<float>(from, _length).CopyTo(new(to, _length));
    }
}
