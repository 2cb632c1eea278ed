using InvFusion.Metrics.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>
/// The 128 features of dlib's face network: an independent judge of faces, as no model here was trained with it. Images of any size are resized to 150×150; they should
/// show one upright face with some margin, as dlib's own crops do.
/// </summary>
public sealed class FaceExtractor : IFeatureExtractor
{
    /// <summary>What results and files of statistics call it.</summary>
    public const string ExtractorName = "face-dlib-v1";

    private readonly FaceNetwork _network;
    private readonly Device _device;

    /// <summary>Loads the network.</summary>
    /// <param name="weights">Its file as TensorFlow.js has it: the manifest, beside which the weights lie (<see cref="FaceWeights"/>).</param>
    /// <param name="device">Where it is put; the CPU when null.</param>
    /// <exception cref="DataFormatException">The file is not that of this network; the message names the tensor.</exception>
    public FaceExtractor(string weights, Device? device = null)
    {
        _network = NetworkWeights.Load(() => new FaceNetwork(), _ => FaceNetwork.Names, weights);
        _device = device ?? CPU;
        _network.to(_device);
    }

    /// <inheritdoc/>
    public string Name => ExtractorName;

    /// <inheritdoc/>
    public int Width => FaceNetwork.Width;

    /// <inheritdoc/>
    public Tensor Extract(Tensor images)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return _network.call(FaceNetwork.Prepare(images.to(_device))).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => _network.Dispose();
}
