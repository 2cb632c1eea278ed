using InvFusion.Data;

namespace InvFusion.Tests.Training.Validation;

/// <summary>Images whose first reading presses Ctrl-C.</summary>
internal sealed class StoppingSet(CancellationTokenSource stop) : IImageSet
{
    private readonly GeneratedSet _images = new(count: 5);

    public int Count => _images.Count;
    public int Channels => _images.Channels;
    public int Size => _images.Size;
    public IReadOnlyList<string> Names => _images.Names;
    public int ClassCount => 0;

    public int Label(int index) => -1;

    public void Read(int index, Span<byte> planes)
    {
        stop.Cancel();
        _images.Read(index, planes);
    }

    public void Dispose() => _images.Dispose();
}
