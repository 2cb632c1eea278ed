using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using ComplexLanes = InvFusion.Ops.Kernels.ComplexLanes<float>;

namespace InvFusion.Ops.Kernels;

/// <summary>Up to 32 numbers of a pixel as real and imaginary parts: the first sixteen are real.</summary>
internal readonly unsafe struct PairLanes
{
    private readonly int _offset;
    private readonly int _real;
    private readonly int _imaginary;

    /// <summary>A pair of some images, counted from 0 on.</summary>
    public PairLanes(int images, int pair)
    {
        _offset = pair * ComplexLanes.Size;
        _real = Math.Min(Lanes.Width, images - _offset);
        _imaginary = Math.Clamp(images - _offset - Lanes.Width, 0, Lanes.Width);
    }

    /// <summary>Reads them from a pixel; those that are missing are 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ComplexLanes Load(float* pixel)
    {
        pixel += _offset;
        return _imaginary == Lanes.Width
            ? ComplexLanes.Load(pixel)
            : new(LoadPart(pixel, _real), LoadPart(pixel + Lanes.Width, _imaginary));
    }

    /// <summary>Writes them to a pixel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* pixel, ComplexLanes values)
    {
        pixel += _offset;
        if (_imaginary == Lanes.Width)
        {
            values.Store(pixel);
            return;
        }
        StorePart(pixel, _real, values.Real);
        StorePart(pixel + Lanes.Width, _imaginary, values.Imaginary);
    }

    // Eight are what a network of 24 images leaves over.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> LoadPart(float* from, int count) =>
        count switch
        {
            Lanes.Width => Vector512.Load(from),
            0 => Vector512<float>.Zero,
            8 => Vector512.Create(Vector256.Load(from), Vector256<float>.Zero),
            _ => Lanes.LoadFew((Float32Lane*)from, count),
        };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePart(float* to, int count, Vector512<float> values)
    {
        if (count == Lanes.Width)
            values.Store(to);
        else if (count == 8)
            values.GetLower().Store(to);
        else if (count > 0)
            Lanes.StoreFew((Float32Lane*)to, count, values);
    }
}
