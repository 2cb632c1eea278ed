using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace InvFusion.Ops.Kernels;

/// <summary>An orthonormal transform over rows and columns of one plane, L x Rᵀ and its inverse, by two small products in the processor's own cache.</summary>
/// <param name="height">H.</param>
/// <param name="width">W, a multiple of <see cref="Lanes.Width"/>.</param>
/// <param name="left">L and Lᵀ, <c>[2, H, H]</c>.</param>
/// <param name="right">R and Rᵀ, <c>[2, W, W]</c>.</param>
internal readonly unsafe struct PlaneTransform(int height, int width, float* left, float* right)
{
    private const int Tile = 4; // rows whose sums stay in registers

    /// <summary>Numbers of a plane.</summary>
    public int Length => height * width;

    /// <summary>Whether there is a form for planes of this size.</summary>
    public static bool Fits(int height, int width) => height % Tile == 0 && width % Lanes.Width == 0;

    /// <summary>L x Rᵀ.</summary>
    /// <param name="x">The plane.</param>
    /// <param name="between">Room for another.</param>
    /// <param name="to">Takes the coefficients; may be x.</param>
    public void Forward(float* x, float* between, float* to)
    {
        Product(left, x, between, height);
        Product(between, right + width * width, to, width);
    }

    /// <summary>Lᵀ x R.</summary>
    /// <param name="x">Coefficients.</param>
    /// <param name="between">Room for another.</param>
    /// <param name="to">Takes the plane; may be x.</param>
    public void Inverse(float* x, float* between, float* to)
    {
        Product(left + height * height, x, between, height);
        Product(between, right, to, width);
    }

    /// <summary>Multiplies coefficients by a diagonal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Scale(float* x, float* diagonal)
    {
        for (var i = 0; i < Length; i += Lanes.Width)
            (Vector512.Load(x + i) * Vector512.Load(diagonal + i)).Store(x + i);
    }

    // A [H, depth] times B [depth, W].
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Product(float* a, float* b, float* to, int depth)
    {
        for (var row = 0; row < height; row += Tile, a += Tile * depth, to += Tile * width)
        for (var column = 0; column < width; column += Lanes.Width)
        {
            Vector512<float> s0 = Vector512<float>.Zero,
                s1 = s0,
                s2 = s0,
                s3 = s0;
            var from = b + column;
            for (var i = 0; i < depth; i++, from += width)
            {
                var values = Vector512.Load(from);
                s0 = Vector512.FusedMultiplyAdd(Vector512.Create(a[i]), values, s0);
                s1 = Vector512.FusedMultiplyAdd(Vector512.Create(a[depth + i]), values, s1);
                s2 = Vector512.FusedMultiplyAdd(Vector512.Create(a[2 * depth + i]), values, s2);
                s3 = Vector512.FusedMultiplyAdd(Vector512.Create(a[3 * depth + i]), values, s3);
            }
            s0.Store(to + column);
            s1.Store(to + width + column);
            s2.Store(to + 2 * width + column);
            s3.Store(to + 3 * width + column);
        }
    }
}
