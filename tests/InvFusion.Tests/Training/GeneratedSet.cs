using InvFusion.Data;

namespace InvFusion.Tests.Training;

/// <summary>Images in memory: smooth colour ramps that differ from image to image.</summary>
internal sealed class GeneratedSet(int count = 12, int size = 16, int channels = 3, int classes = 0) : IImageSet
{
    public int Count => count;
    public int Channels => channels;
    public int Size => size;
    public IReadOnlyList<string> Names { get; } = [.. Enumerable.Range(0, count).Select(i => $"{i}.png")];
    public int ClassCount => classes;

    public int Label(int index) => classes == 0 ? -1 : index % classes;

    public void Read(int index, Span<byte> planes)
    {
        for (var i = 0; i < planes.Length; i++)
        {
            var (channel, row, column) = (i / (size * size), i / size % size, i % size);
            planes[i] = (byte)(60 * channel + 40 * (index % 4) + 4 * row + (index + 1) * column % 50);
        }
    }

    public void Dispose() { }
}
