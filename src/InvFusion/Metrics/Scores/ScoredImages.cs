using InvFusion.Degradations;
using InvFusion.Restoration;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Scores;

/// <summary>
/// Finite images of a batch with all that metrics look at. What it makes belongs to the dispose scope that is open then; nothing given is owned.
/// </summary>
/// <param name="samples"><c>[K, B, C, H, W]</c> in [-1, 1]; metrics of single images take the first of the K.</param>
public sealed class ScoredImages(Tensor samples)
{
    private Tensor? _measured;
    private ScoredImages? _projection;

    /// <summary><c>[K, B, C, H, W]</c>.</summary>
    public Tensor Samples => samples;

    /// <summary>B.</summary>
    public int Count => (int)samples.shape[1];

    /// <summary>The true images <c>[B, C, H, W]</c>, where they are known.</summary>
    public Tensor? Truth { get; init; }

    /// <summary>H, of batch size 1 or B, where something was measured.</summary>
    public LinearOperator? Operator { get; init; }

    /// <summary>y, <c>[B, 1, O]</c>.</summary>
    public Tensor? Measurements { get; init; }

    /// <summary>The first sample of each image, <c>[B, C, H, W]</c>.</summary>
    public Tensor Images { get; } = samples[0];

    /// <summary>H x of <see cref="Images"/>, <c>[B, 1, O]</c>.</summary>
    public Tensor Measured => _measured ??= Operator!.Apply(Images.unsqueeze(1));

    /// <summary>The first samples moved onto the measurement by the H⁺ that is exact on images: x + H⁺(y - Hx).</summary>
    public ScoredImages Projection =>
        _projection ??= new(MeasurementProjection.Apply(Operator!, Images, Measurements!).unsqueeze(0))
        {
            Truth = Truth,
            Operator = Operator,
            Measurements = Measurements,
        };

    /// <summary>The scores of single images against the truth.</summary>
    internal IEnumerable<ImageScore> Each(Func<Tensor, Tensor, double> score)
    {
        using var scope = NewDisposeScope();
        return [.. Enumerable.Range(0, Count).Select(i => ImageScore.Of(score(Images[i], Truth![i])))];
    }

    /// <summary>A number for each image as scores.</summary>
    internal static IEnumerable<ImageScore> Scores(double[] values) => values.Select(ImageScore.Of);
}
