namespace InvFusion.Formats.IO;

/// <summary>Brings elements that lie at strides into C order.</summary>
internal static class StridedCopy
{
    /// <param name="source">The bytes; the element with all indices 0 comes first.</param>
    /// <param name="shape">The length of each dimension.</param>
    /// <param name="strides">How many elements further the next index of each dimension lies.</param>
    /// <param name="size">The bytes of one element.</param>
    /// <param name="length">The bytes of the result.</param>
    public static byte[] ToContiguous(ReadOnlySpan<byte> source, long[] shape, long[] strides, int size, int length)
    {
        var result = new byte[length];
        var index = new long[shape.Length];
        var from = 0L; // in elements
        for (var to = 0; to < length; to += size)
        {
            source.Slice((int)(from * size), size).CopyTo(result.AsSpan(to));
            for (var d = shape.Length - 1; d >= 0; d--)
            {
                from += strides[d];
                if (++index[d] < shape[d])
                    break;
                from -= strides[d] * shape[d]; // this index is back at 0, the next slower one goes on
                index[d] = 0;
            }
        }
        return result;
    }
}
