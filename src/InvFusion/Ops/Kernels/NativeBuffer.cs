using System.Runtime.InteropServices;

namespace InvFusion.Ops.Kernels;

/// <summary>Scratch memory of one thread, kept from call to call and as large as the largest of them wanted.</summary>
internal sealed unsafe class NativeBuffer
{
    private float* _data;
    private long _length;

    /// <summary>Room for numbers, whose values are left over from before; valid until the next call.</summary>
    public float* Floats(long count)
    {
        if (count > _length)
        {
            NativeMemory.AlignedFree(_data);
            _length = 0;
            _data = (float*)NativeMemory.AlignedAlloc((nuint)count * sizeof(float), 64);
            new Span<float>(_data, checked((int)count)).Clear(); // no kernel may meet a NaN that it did not make
            _length = count;
        }
        return _data;
    }

    /// <summary>Releases it with its thread.</summary>
    ~NativeBuffer() => NativeMemory.AlignedFree(_data);
}
