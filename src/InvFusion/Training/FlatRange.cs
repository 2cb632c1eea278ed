namespace InvFusion.Training;

/// <summary>A run of neighbouring elements of flat tensors.</summary>
/// <param name="Start">The first.</param>
/// <param name="Length">How many.</param>
/// <param name="Matrices">Whether it consists of given matrices; otherwise it has nothing of them.</param>
internal readonly record struct FlatRange(int Start, int Length, bool Matrices)
{
    /// <summary>Divides flat tensors into runs of the given matrices and what is between them; together they are the whole.</summary>
    /// <param name="length">Elements of the tensors.</param>
    /// <param name="matrices">By offset, without overlap.</param>
    public static IReadOnlyList<FlatRange> Divide(int length, IEnumerable<FlatMatrix> matrices)
    {
        var ranges = new List<FlatRange>();
        var end = 0;
        foreach (var matrix in matrices)
        {
            Add(matrix.Offset - end, matrix: false);
            Add(matrix.Length, matrix: true);
        }
        Add(length - end, matrix: false);
        return ranges;

        void Add(int count, bool matrix)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(count, nameof(matrices));
            if (count > 0 && ranges.Count > 0 && ranges[^1].Matrices == matrix)
                ranges[^1] = ranges[^1] with { Length = ranges[^1].Length + count };
            else if (count > 0)
                ranges.Add(new(end, count, matrix));
            end += count;
        }
    }
}
