namespace InvFusion.Data;

/// <summary>Images for one step.</summary>
public sealed class ImageBatch
{
    internal ImageBatch(long counter, int[] indices, int[] labels, bool[] flipped, float[] values, int classCount) =>
        (Counter, Indices, Labels, Flipped, Values, ClassCount) = (counter, indices, labels, flipped, values, classCount);

    /// <summary>Images before the first of this batch.</summary>
    public long Counter { get; }

    /// <summary>Number of images, B.</summary>
    public int Count => Indices.Length;

    /// <summary>Which images of the set, <c>[B]</c>.</summary>
    public int[] Indices { get; }

    /// <summary>Their classes, <c>[B]</c>; -1 without labels.</summary>
    public int[] Labels { get; }

    /// <summary>Which of them are mirrored, <c>[B]</c>.</summary>
    public bool[] Flipped { get; }

    /// <summary>The images, <c>[B, C, H, W]</c>, see <see cref="ImageValues.ReadValues"/>.</summary>
    public float[] Values { get; }

    /// <summary>Number of classes of the set, K; 0 without labels.</summary>
    public int ClassCount { get; }

    /// <summary>The classes as unit vectors, <c>[B, K]</c>; empty without labels.</summary>
    public float[] OneHotLabels()
    {
        var result = new float[Count * ClassCount];
        if (ClassCount > 0)
            for (var i = 0; i < Count; i++)
                result[i * ClassCount + Labels[i]] = 1;
        return result;
    }
}
