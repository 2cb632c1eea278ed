using InvFusion.Evaluation;
using InvFusion.Runtime;
using static InvFusion.Metrics.Scores.MetricNeeds;

namespace InvFusion.Metrics.Scores;

/// <summary>The metrics by name. A new one is one file and one line here.</summary>
public static class MetricKinds
{
    /// <summary>Every metric, in the order in which they are listed to users.</summary>
    public static IReadOnlyList<MetricKind> All { get; } =
    [
        .. WithProjected(new ImageMetric("psnr", Truth, "10·log10(255²/MSE) on 8-bit values, dB", (b, _) => b.Each(ImageQuality.Psnr))),
        .. WithProjected(new ImageMetric("ssim", Truth, "structural similarity on 8-bit values", (b, _) => b.Each(ImageQuality.Ssim))),
        .. WithProjected(Perceptual("lpips_alex", "AlexNet")),
        .. WithProjected(Perceptual("lpips_vgg", "VGG-16")),
        .. WithProjected(
            new ImageMetric(
                "face_similarity",
                Truth,
                "1 - d/0.6, d the distance of dlib's face features; 0 and below: another person",
                FaceSimilarity.Of
            )
            {
                Detector = FaceSimilarity.Detector,
            }
        ),
        new ImageMetric(
            "consistency",
            Measurement,
            "Σ(y - Hx)²",
            (b, _) => ScoredImages.Scores(Consistency.SumOfSquares(b.Measurements!, b.Measured))
        ),
        new ImageMetric(
            "consistency_psnr",
            Measurement,
            "10·log10(range(y)²/MSE(y, Hx)), dB",
            (b, _) => ScoredImages.Scores(Consistency.Psnr(b.Measurements!, b.Measured))
        ),
        new ImageMetric(
            "residual",
            Measurement,
            "root mean square of y - Hx in units of images; the true image has σ_y",
            (b, _) => ScoredImages.Scores(Consistency.RootMeanSquare(b.Operator!, b.Images, b.Measurements!))
        ),
        new ImageMetric("crps", Truth | Samples, "continuous ranked probability score of a number of the image", PosteriorScores.Crps),
        new ImageMetric(
            "spread_error",
            Truth | Samples,
            "spread of the samples over the error of their mean; 1 is calibrated",
            PosteriorScores.SpreadOverError
        )
        {
            Finish = Math.Sqrt,
        },
        new ImageMetric("coverage", Truth | Samples, "part of the numbers inside their 90 % intervals", PosteriorScores.Coverage),
        .. Distances("fid", "kid", "inception", "Inception, input as TensorFlow 1 resized it"),
        .. Distances("fid_torch", "kid_torch", "inception-torch", "Inception, input as pytorch-fid resizes it"),
        .. Distances("fd_dinov2", "kid_dinov2", "dinov2", "DINOv2 ViT-L/14"),
        .. Distances("fd_face", "kid_face", FaceSimilarity.Detector, "dlib's face network, for sets of faces"),
        .. Distances("fd_small", "kid_small", "small", "the shipped small network, for choosing models; never to be quoted as FID"),
    ];

    /// <summary>The metric of a name.</summary>
    /// <exception cref="ConfigurationException">There is none; the message lists the names.</exception>
    public static MetricKind Find(string name) =>
        All.FirstOrDefault(m => m.Name == name)
        ?? throw new ConfigurationException($"there is no metric '{name}': choose from {string.Join(", ", All.Select(m => m.Name))}");

    /// <summary>The metrics of a list of names, each once.</summary>
    /// <param name="names">Names; one entry may hold several, separated by commas.</param>
    /// <exception cref="ConfigurationException">A name is unknown, or there is none.</exception>
    public static IReadOnlyList<MetricKind> Parse(IEnumerable<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        MetricKind[] found =
        [
            .. names
                .SelectMany(n => n.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
                .Distinct()
                .Select(Find),
        ];
        return found.Length > 0 ? found : throw new ConfigurationException("--metrics: names no metric");
    }

    private static ImageMetric Perceptual(string name, string trunk) =>
        new(name, Truth, $"learned perceptual distance on {trunk}, version 0.1", (b, tools) => Perceptual(b, tools, name))
        {
            Network = name,
        };

    private static IEnumerable<ImageScore> Perceptual(ScoredImages batch, MetricTools tools, string name)
    {
        using var distances = tools.Perceptual(name).Between(batch.Images, batch.Truth!);
        return [.. TensorMemory.Numbers<float>(distances).Select(d => ImageScore.Of(d))];
    }

    private static IEnumerable<MetricKind> Distances(string frechet, string kernel, string detector, string what) =>
        [
            .. WithProjected(new SetMetric(frechet, Reference, $"Fréchet distance on {what}", detector, Kernel: false)),
            .. WithProjected(new SetMetric(kernel, Reference, $"kernel distance on {what}", detector, Kernel: true)),
        ];

    private static IEnumerable<MetricKind> WithProjected(ImageMetric metric) =>
        [
            metric,
            metric with
            {
                Name = MetricKind.ProjectedPrefix + metric.Name,
                Needs = metric.Needs | Projection,
                Summary = $"{metric.Summary}, of x + H⁺(y - Hx)",
                Score = (batch, tools) => metric.Score(batch.Projection, tools),
            },
        ];

    private static IEnumerable<MetricKind> WithProjected(SetMetric metric) =>
        [
            metric,
            metric with
            {
                Name = MetricKind.ProjectedPrefix + metric.Name,
                Needs = metric.Needs | Projection,
                Summary = $"{metric.Summary}, of x + H⁺(y - Hx)",
            },
        ];
}
