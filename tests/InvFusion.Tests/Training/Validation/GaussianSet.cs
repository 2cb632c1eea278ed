using System.Runtime.InteropServices;
using InvFusion.Autoencoding;
using InvFusion.Data;

namespace InvFusion.Tests.Training.Validation;

/// <summary>A set whose values are draws of N(0, 0.5²), which bytes cannot hold: latents of mean 0 and standard deviation 1.</summary>
internal sealed class GaussianSet : IImageSet
{
    public int Count => 24;
    public int Channels => 3;
    public int Size => 16;
    public IReadOnlyList<string> Names { get; } = [.. Enumerable.Range(0, 24).Select(i => $"{i}")];
    public int ClassCount => 0;

    public LatentDescription Latents { get; } =
        new()
        {
            Autoencoder = "none",
            Fingerprint = "0",
            Mean = [0, 0, 0],
            Std = [1, 1, 1],
        };

    public int Label(int index) => -1;

    public void Read(int index, Span<byte> planes)
    {
        var moments = MemoryMarshal.Cast<byte, float>(planes);
        moments[..(moments.Length / 2)].Clear();
        moments[(moments.Length / 2)..].Fill(1);
    }

    public void Dispose() { }
}
