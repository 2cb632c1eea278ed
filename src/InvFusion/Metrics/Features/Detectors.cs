using InvFusion.Metrics.Scores;
using InvFusion.Metrics.Weights;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>The feature networks by name. A new one is one file and one line here.</summary>
public static class Detectors
{
    /// <summary>Every network.</summary>
    public static IReadOnlyList<DetectorKind> All { get; } =
    [
        new(
            "inception",
            "inception-tf1",
            2048,
            "Inception-v3 of 2015, input as TensorFlow 1 resized it",
            Fetched("inception"),
            Inception(InceptionInput.TensorFlow)
        ),
        new(
            "inception-torch",
            "inception-torch",
            2048,
            "the same, input as pytorch-fid resizes it",
            Fetched("inception"),
            Inception(InceptionInput.PyTorch)
        ),
        new(
            "dinov2",
            "dinov2-vitl14",
            1024,
            "DINOv2 ViT-L/14",
            Fetched("dinov2"),
            (files, device) => new VisionTransformerExtractor(files[0], device)
        ),
        new(
            FaceSimilarity.Detector,
            FaceExtractor.ExtractorName,
            FaceNetwork.Width,
            "dlib's face network",
            weights => FaceWeights.Files(weights.Require(FaceSimilarity.Detector)),
            (files, device) => new FaceExtractor(files[0], device)
        ),
        new(
            "small",
            SmallFeatureExtractor.ExtractorName,
            SmallFeatureNetwork.Width,
            "the shipped small network, which needs no download; never to be quoted as FID",
            _ => [SmallFeatureExtractor.ShippedPath()],
            (files, device) => SmallFeatureExtractor.Load(files[0], device)
        ),
    ];

    /// <summary>The network of a name.</summary>
    /// <exception cref="ConfigurationException">There is none; the message lists the names.</exception>
    public static DetectorKind Find(string name) =>
        All.FirstOrDefault(d => d.Name == name)
        ?? throw new ConfigurationException($"there is no detector '{name}': choose from {string.Join(", ", All.Select(d => d.Name))}");

    private static Func<WeightCache, IReadOnlyList<string>> Fetched(string name) => weights => weights.Require(name);

    private static Func<IReadOnlyList<string>, Device, IFeatureExtractor> Inception(InceptionInput input) =>
        (files, device) => new InceptionExtractor(files[0], input, device);
}
