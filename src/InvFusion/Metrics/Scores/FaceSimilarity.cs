using InvFusion.Diffusion;
using InvFusion.Metrics.Features;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Scores;

/// <summary>
/// How far a restoration keeps the person: 1 - d/0.6, d the Euclidean distance of the features of dlib's face network. 1 is the same image; at 0 and below dlib takes
/// the two for different persons. The distance and not the cosine, because the network was trained with a margin on the distance of features that have no fixed norm.
/// </summary>
internal static class FaceSimilarity
{
    /// <summary>The detector of <see cref="Detectors"/> that it uses.</summary>
    public const string Detector = "face";

    /// <summary>The similarities of a batch's images to their truths.</summary>
    public static IEnumerable<ImageScore> Of(ScoredImages batch, MetricTools tools)
    {
        using var scope = NewDisposeScope();
        var extractor = tools.Extractor(Detector);
        var distances = (Features(batch.Images) - Features(batch.Truth!)).square().sum(1).sqrt(); // [B]
        return ScoredImages.Scores(
            TensorMemory.Numbers<double>((1 - distances.to_type(ScalarType.Float64) / FaceNetwork.SamePerson).cpu())
        );

        Tensor Features(Tensor images) => extractor.Extract(PixelEncoding.Decode(images).expand(-1, 3, -1, -1)); // grey as grey colour
    }
}
