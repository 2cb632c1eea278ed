using InvFusion.Degradations;
using InvFusion.Models;
using static TorchSharp.torch;

namespace InvFusion.Tests.Models;

/// <summary>A network small enough for tests, in which nothing starts at zero.</summary>
internal static class TestNetworks
{
    /// <summary>16×16 images, two joint levels, the first with windows.</summary>
    public static NetworkConfiguration Configuration { get; } =
        new()
        {
            Resolution = 16,
            Patch = 2,
            MappingWidth = 32,
            MappingDepth = 1,
            Dropout = 0.1,
            Levels =
            [
                new()
                {
                    Width = 48,
                    Depth = 1,
                    Kernel = 3,
                    HeadWidth = 16,
                },
                new()
                {
                    Width = 48,
                    Depth = 1,
                    HeadWidth = 24,
                },
            ],
        };

    public static ImageShape Shape { get; } = new(3, 16, 16);

    /// <summary>A network in evaluation mode with random weights everywhere: a new one has zeros in its last layers, and D = c_skip·x.</summary>
    public static PreconditionedNetwork Create(NetworkConfiguration configuration, long seed = 1)
    {
        manual_seed(seed);
        var network = new PreconditionedNetwork(configuration);
        using var noGrad = no_grad();
        foreach (var (_, parameter) in network.named_parameters())
        {
            var bound = parameter.dim() > 1 ? 1.5 / Math.Sqrt(parameter.shape[1]) : 0.2;
            using var noise = empty_like(parameter).uniform_(-bound, bound);
            parameter.add_(noise);
        }
        network.eval();
        return network;
    }

    /// <summary>Images, noise levels and conditioning of a batch; the operator is the caller's to dispose.</summary>
    public static (Tensor X, Tensor Sigma, Conditioning Known) Inputs(int batch, long seed = 2)
    {
        manual_seed(seed);
        var x = randn(batch, 3, 16, 16);
        var op = new MatrixOperator(Shape, randn(batch, 20, Shape.Length));
        return (x, rand(batch) * 3 + 0.1, new(op, op.Apply(x.unsqueeze(1))));
    }
}
