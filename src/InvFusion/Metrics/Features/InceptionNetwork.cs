using TorchSharp.Modules;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>The Inception-v3 of 2015 that the Fréchet inception distance is defined by, under the state-dict names of its PyTorch form.</summary>
internal sealed class InceptionNetwork : nn.Module<Tensor, Tensor>
{
    /// <summary>Width of the features.</summary>
    public const int Features = 2048;

    /// <summary>Side of the input.</summary>
    public const int Side = 299;

    private const int Classes = 1008;

    private readonly (string Name, nn.Module<Tensor, Tensor> Stage)[] _stages;
    private readonly Linear _classifier;

    /// <summary>Creates the network in evaluation mode; its weights are to be loaded.</summary>
    public InceptionNetwork()
        : base(nameof(InceptionNetwork))
    {
        _stages =
        [
            Convolution(new("Conv2d_1a_3x3", 3, 32, 3, 3, Stride: 2, Padded: false)), // 299 → 149
            Convolution(new("Conv2d_2a_3x3", 32, 32, 3, 3, Padded: false)),
            Convolution(new("Conv2d_2b_3x3", 32, 64, 3, 3)),
            ("pool1", new Reduction()), // → 73
            Convolution(new("Conv2d_3b_1x1", 64, 80)),
            Convolution(new("Conv2d_4a_3x3", 80, 192, 3, 3, Padded: false)),
            ("pool2", new Reduction()), // → 35
            ("Mixed_5b", InceptionBlocks.A(192, 32)),
            ("Mixed_5c", InceptionBlocks.A(256, 64)),
            ("Mixed_5d", InceptionBlocks.A(288, 64)),
            ("Mixed_6a", InceptionBlocks.B(288)), // → 17
            ("Mixed_6b", InceptionBlocks.C(128)),
            ("Mixed_6c", InceptionBlocks.C(160)),
            ("Mixed_6d", InceptionBlocks.C(160)),
            ("Mixed_6e", InceptionBlocks.C(192)),
            ("Mixed_7a", InceptionBlocks.D()), // → 8
            ("Mixed_7b", InceptionBlocks.E(1280, InceptionPool.Average)),
            ("Mixed_7c", InceptionBlocks.E(Features, InceptionPool.Maximum)),
        ];
        foreach (var (name, stage) in _stages.Where(s => s.Stage is not Reduction))
            register_module(name, stage);
        _classifier = nn.Linear(Features, Classes);
        register_module("fc", _classifier);
        eval();
    }

    /// <summary>Images <c>[B, 3, 299, 299]</c>, about -1 to 1, → features <c>[B, 2048]</c>: the mean of the last maps.</summary>
    public override Tensor forward(Tensor input) => Forward(input, null);

    /// <summary>The same; the observer is shown each stage's maps, which live no longer than the call.</summary>
    public Tensor Forward(Tensor input, Action<string, Tensor>? observer)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var x = input.alias();
        foreach (var (name, stage) in _stages)
        {
            var next = stage.call(x);
            x.Dispose(); // maps of 149×149 are large
            x = next;
            observer?.Invoke(name, x);
        }
        return x.mean([2, 3]).MoveToOuterDisposeScope();
    }

    /// <summary>Scores of the classes <c>[B, 1008]</c> from features; the Inception score takes them without the bias.</summary>
    public Tensor Logits(Tensor features, bool bias) => nn.functional.linear(features, _classifier.weight!, bias ? _classifier.bias : null);

    private static (string, nn.Module<Tensor, Tensor>) Convolution(InceptionLayer layer) => (layer.Name, new ConvolutionNorm(layer));

    /// <summary>3×3 maximum at every second pixel.</summary>
    private sealed class Reduction() : nn.Module<Tensor, Tensor>(nameof(Reduction))
    {
        public override Tensor forward(Tensor input) => nn.functional.max_pool2d(input, 3, stride: 2);
    }
}
