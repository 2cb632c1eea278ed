using InvFusion.Imaging;

namespace InvFusion.Data;

/// <summary>Some images of a source, in their order there, with its labels or others.</summary>
internal sealed class SelectedSource : IImageSource
{
    private readonly IImageSource _source;
    private readonly int[] _indices;
    private readonly int[]? _labels;

    /// <summary>Selects.</summary>
    /// <param name="source">The source; disposed with this one.</param>
    /// <param name="description">What errors and reports call the selection.</param>
    /// <param name="indices">The images of the source.</param>
    /// <param name="labels">The class of each selected image; null keeps those of the source.</param>
    /// <param name="classCount">Number of classes of <paramref name="labels"/>.</param>
    public SelectedSource(IImageSource source, string description, int[] indices, int[]? labels = null, int classCount = 0)
    {
        (_source, Description, _indices, _labels) = (source, description, indices, labels);
        ClassCount = labels is null ? source.ClassCount : classCount;
        Names = [.. indices.Select(i => source.Names[i])];
    }

    /// <inheritdoc/>
    public string Description { get; }

    /// <inheritdoc/>
    public int Count => _indices.Length;

    /// <inheritdoc/>
    public IReadOnlyList<string> Names { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Skipped => _source.Skipped;

    /// <inheritdoc/>
    public int ClassCount { get; }

    /// <inheritdoc/>
    public int Label(int index) => _labels is null ? _source.Label(_indices[index]) : _labels[index];

    /// <inheritdoc/>
    public long FileLength(int index) => _source.FileLength(_indices[index]);

    /// <inheritdoc/>
    public RgbImage Load(int index) => _source.Load(_indices[index]);

    /// <inheritdoc/>
    public T Use<T>(int index, Func<RgbImage, T> use) => _source.Use(_indices[index], use);

    /// <inheritdoc/>
    public void Dispose() => _source.Dispose();
}
