using InvFusion.Data;

namespace InvFusion.Tests.Data;

/// <summary>A set of 2x2 grey images: pixel j of image i is 4 i + j, modulo 256. One index can be made unreadable.</summary>
internal sealed class MemorySet(int count, int broken = -1) : IImageSet
{
    private int _reads;

    public int Reads => _reads;
    public bool Disposed { get; private set; }
    public bool ReadAfterDisposal { get; private set; }
    public int Count => count;
    public int Channels => 1;
    public int Size => 2;
    public IReadOnlyList<string> Names { get; } = [.. Enumerable.Range(0, count).Select(i => $"{i}.png")];
    public int ClassCount => 3;

    public int Label(int index) => index % 3;

    public void Read(int index, Span<byte> planes)
    {
        Interlocked.Increment(ref _reads);
        Thread.Sleep(index % 2); // lets later batches overtake earlier ones
        ReadAfterDisposal |= Disposed;
        if (index == broken)
            throw new DataFormatException($"set: {Names[index]}: is truncated");
        for (var j = 0; j < 4; j++)
            planes[j] = (byte)(4 * index + j);
    }

    public void Dispose() => Disposed = true;
}
