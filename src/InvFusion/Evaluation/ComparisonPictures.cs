using InvFusion.Data;
using InvFusion.Imaging;
using static TorchSharp.torch;

namespace InvFusion.Evaluation;

/// <summary>The first images of a comparison as every row has them: what the numbers of its table look like.</summary>
/// <param name="count">How many images.</param>
public sealed class ComparisonPictures(int count)
{
    private readonly List<(string Label, List<RgbImage> Images)> _columns = [];

    /// <summary>The truth, the measurement where it is a picture, and a column for each row of the table, in its order.</summary>
    public IReadOnlyList<(string Label, List<RgbImage> Images)> Columns => _columns;

    /// <summary>Adds a column from the first batch.</summary>
    /// <param name="label">The column.</param>
    /// <param name="images"><c>[B, C, H, W]</c>.</param>
    internal void Add(string label, Tensor images)
    {
        using var scope = NewDisposeScope();
        _columns.Add((label, [.. Enumerable.Range(0, Math.Min(count, (int)images.shape[0])).Select(i => Pictures.FromTensor(images[i]))]));
    }

    /// <summary>Adds the truth and what was measured of the first batch.</summary>
    internal void Begin(DegradedImages.Batch batch)
    {
        using var scope = NewDisposeScope();
        Add("truth", batch.Truth);
        if (batch.Operator.View(batch.Measurements) is { } view && view.shape[2] is 1 or 3)
            Add("measured", view.squeeze(1));
    }
}
