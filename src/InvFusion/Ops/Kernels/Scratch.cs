using System.Runtime.InteropServices;

namespace InvFusion.Ops.Kernels;

/// <summary>Memory that a thread keeps from call to call of a kernel: fresh pages would cost more than the arithmetic on them.</summary>
internal sealed unsafe class Scratch
{
    private float* _memory;
    private long _length;

    private Scratch() { }

    /// <summary>Room for a number of floats, with whatever was left in it.</summary>
    /// <param name="mine">The thread's own, a thread-static field; made when it is null.</param>
    /// <param name="length">Floats. The pointer holds until the same field is asked for more.</param>
    public static float* Floats(ref Scratch? mine, long length)
    {
        mine ??= new();
        if (mine._length < length)
        {
            mine.Free();
            mine._memory = (float*)NativeMemory.AlignedAlloc((nuint)length * sizeof(float), 64);
            mine._length = length;
        }
        return mine._memory;
    }

    /// <summary>Releases the memory when the thread has ended.</summary>
    ~Scratch() => Free();

    private void Free()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
        _length = 0;
    }
}
