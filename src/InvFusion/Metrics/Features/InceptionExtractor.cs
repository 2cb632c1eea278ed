using TorchSharp;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>The 2048 features of the Fréchet inception distance.</summary>
public sealed class InceptionExtractor : IFeatureExtractor
{
    private readonly InceptionNetwork _network;
    private readonly InceptionInput _input;
    private readonly Device _device;

    /// <summary>Loads the network.</summary>
    /// <param name="weights">
    /// Its file: the state dict of pytorch-fid or torch-fidelity, the TorchScript archive of StyleGAN2-ADA, or safetensors with the names of either.
    /// </param>
    /// <param name="input">How images become its input; part of the extractor's name.</param>
    /// <param name="device">Where it is put; the CPU when null.</param>
    /// <exception cref="DataFormatException">The file is not that of this network; the message names the tensor.</exception>
    public InceptionExtractor(string weights, InceptionInput input = InceptionInput.TensorFlow, Device? device = null)
    {
        _network = NetworkWeights.Load(() => new InceptionNetwork(), InceptionNames.Layout, weights);
        _device = device ?? CPU;
        _network.to(_device);
        _input = input;
    }

    /// <inheritdoc/>
    public string Name => NameOf(_input);

    /// <inheritdoc/>
    public int Width => InceptionNetwork.Features;

    /// <summary>The name of the extractor with a form of the input.</summary>
    public static string NameOf(InceptionInput input) => input == InceptionInput.TensorFlow ? "inception-tf1" : "inception-torch";

    /// <inheritdoc/>
    public Tensor Extract(Tensor images)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return _network.call(InceptionInputs.Prepare(images.to(_device), _input)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => _network.Dispose();
}
