using System.Runtime.InteropServices;
using InvFusion.Runtime;

namespace InvFusion.Data;

/// <summary>What is stored of an image as the numbers that networks work on.</summary>
public static class ImageValues
{
    // What a byte is as a number.
    private static readonly float[] Values = [.. Enumerable.Range(0, 256).Select(b => b / 127.5f - 1)];

    /// <summary>Copies an image: pixels as byte / 127.5 - 1, or a latent that is drawn from its moments.</summary>
    /// <param name="set">The set.</param>
    /// <param name="index">0 to Count - 1.</param>
    /// <param name="draw">Random numbers of this reading; pixels need none.</param>
    /// <param name="values">Receives <c>[Channels, Size, Size]</c>.</param>
    /// <exception cref="DataFormatException">The image cannot be read; the message names it.</exception>
    public static void ReadValues(this IImageSet set, int index, RandomStream draw, Span<float> values)
    {
        ArgumentNullException.ThrowIfNull(set);
        var stored = new byte[set.StoredBytes()];
        set.Read(index, stored);
        if (set.Latents is { } latents)
            latents.Draw(MemoryMarshal.Cast<byte, float>(stored), draw, values);
        else
            for (var i = 0; i < values.Length; i++)
                values[i] = Values[stored[i]];
    }

    /// <summary>Bytes that are stored of one image: one for a pixel's number, eight for a latent's (mean and standard deviation).</summary>
    public static int StoredBytes(this IImageSet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        return set.Channels * set.Size * set.Size * (set.Latents is null ? 1 : 2 * sizeof(float));
    }
}
