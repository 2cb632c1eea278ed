using InvFusion.Metrics.Features;
using InvFusion.Metrics.Weights;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Scores;

/// <summary>The networks that metrics use, each loaded once, when it is first asked for.</summary>
/// <param name="weights">Where their weights are.</param>
/// <param name="device">Where they are put; the CPU when null.</param>
public sealed class MetricTools(WeightCache weights, Device? device = null) : IDisposable
{
    private readonly Dictionary<string, LpipsDistance> _perceptual = [];
    private readonly Dictionary<string, IFeatureExtractor> _extractors = [];

    /// <summary>LPIPS.</summary>
    /// <param name="name"><c>lpips_alex</c> or <c>lpips_vgg</c>.</param>
    /// <exception cref="DataFormatException">Its weights are not here or not those of the network.</exception>
    public LpipsDistance Perceptual(string name)
    {
        if (!_perceptual.TryGetValue(name, out var found))
            _perceptual[name] = found =
                name == "lpips_vgg" ? LpipsDistance.Vgg(weights.Require(name), device) : LpipsDistance.Alex(weights.Require(name), device);
        return found;
    }

    /// <summary>A feature network of <see cref="Detectors"/>.</summary>
    /// <exception cref="DataFormatException">Its weights are not here or not those of the network.</exception>
    public IFeatureExtractor Extractor(string name)
    {
        if (!_extractors.TryGetValue(name, out var found))
            _extractors[name] = found = Detectors.Find(name).Create(weights, device ?? CPU);
        return found;
    }

    /// <summary>The files of the networks that a metric uses, each with the network's name; none for most.</summary>
    /// <exception cref="DataFormatException">They are not here.</exception>
    internal IEnumerable<(string Network, string Path)> FilesOf(MetricKind metric) =>
        metric switch
        {
            ImageMetric { Network: { } network } => weights.Require(network).Select(path => (network, path)),
            ImageMetric { Detector: { } detector } => FilesOf(detector),
            SetMetric set => FilesOf(set.Detector),
            _ => [],
        };

    private IEnumerable<(string Network, string Path)> FilesOf(string detector) =>
        Detectors.Find(detector).Files(weights).Select(path => (detector, path));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var network in _perceptual.Values)
            network.Dispose();
        foreach (var extractor in _extractors.Values)
            extractor.Dispose();
    }
}
