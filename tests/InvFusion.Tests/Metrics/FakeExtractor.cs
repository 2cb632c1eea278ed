using InvFusion.Metrics.Features;
using static TorchSharp.torch;

namespace InvFusion.Tests.Metrics;

/// <summary>A feature network that needs no weights: means of the image in a grid, through fixed random products.</summary>
internal sealed class FakeExtractor(string name, int width = 6) : IFeatureExtractor
{
    public string Name => name;

    public int Width => width;

    public Tensor Extract(Tensor images)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(11);
        var cells = nn.functional.adaptive_avg_pool2d(images.to_type(ScalarType.Float32) / 255, 2).flatten(1); // [B, 12]
        return cells.mm(randn([cells.shape[1], width], generator: generator)).MoveToOuterDisposeScope();
    }

    public void Dispose() { }
}
