using TorchSharp.Modules;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>
/// Learned perceptual image patch similarity, version 0.1 (Zhang et al., 2018): distance of unit-normalised activations of five layers, weighted channel by channel.
/// State-dict names as the authors' module has them.
/// </summary>
internal sealed class LpipsNetwork : nn.Module<Tensor, Tensor, Tensor>
{
    private const double Epsilon = 1e-10;
    private static readonly float[] Shift = [-0.030f, -0.088f, -0.188f];
    private static readonly float[] Scale = [0.458f, 0.448f, 0.450f];

    private readonly LpipsLayout _layout;
    private readonly Dictionary<int, Conv2d> _convolutions = [];
    private readonly Conv2d[] _weights;

    /// <summary>Creates the network in evaluation mode; its weights are to be loaded.</summary>
    public LpipsNetwork(LpipsLayout layout)
        : base(nameof(LpipsNetwork))
    {
        _layout = layout;
        var trunk = new Group();
        foreach (var (i, slice) in layout.Slices.Index())
        {
            var group = new Group();
            foreach (var step in slice.Where(s => !s.IsPool))
            {
                var layer = nn.Conv2d(step.Inputs, step.Outputs, step.Kernel, step.Stride, step.Padding);
                _convolutions[step.Index] = layer;
                group.register_module($"{step.Index}", layer);
            }
            trunk.register_module($"slice{i + 1}", group);
        }
        register_module("net", trunk);
        _weights = [.. layout.Slices.Index().Select(s => nn.Conv2d(layout.Channels(s.Index), 1, 1L, bias: false))];
        foreach (var (i, weight) in _weights.Index())
        {
            var (outer, inner) = (new Group(), new Group());
            inner.register_module("1", weight); // 0 is dropout
            outer.register_module("model", inner);
            register_module($"lin{i}", outer);
        }
        eval();
    }

    /// <summary>Distances <c>[B]</c> of images <c>[B, 3, H, W]</c> in [-1, 1].</summary>
    public override Tensor forward(Tensor first, Tensor second)
    {
        using var scope = NewDisposeScope();
        return PerLayer(first, second).sum(1).MoveToOuterDisposeScope();
    }

    /// <summary>The five summands of the distance, <c>[B, 5]</c>.</summary>
    public Tensor PerLayer(Tensor first, Tensor second)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (a, b) = (Activations(first), Activations(second));
        return cat([.. _weights.Select((w, i) => w.call((Unit(a[i]) - Unit(b[i])).square()).mean([1, 2, 3]).unsqueeze(1))], 1)
            .MoveToOuterDisposeScope();
    }

    /// <summary>What each slice gives for images in [-1, 1].</summary>
    public Tensor[] Activations(Tensor images)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var x = (images - tensor(Shift, device: images.device).view(-1, 1, 1)) / tensor(Scale, device: images.device).view(-1, 1, 1);
        var results = new List<Tensor>();
        foreach (var slice in _layout.Slices)
        {
            foreach (var step in slice)
                x = step.IsPool
                    ? nn.functional.max_pool2d(x, step.Kernel, step.Stride)
                    : nn.functional.relu(_convolutions[step.Index].call(x));
            results.Add(x);
        }
        return [.. results.Select(r => r.MoveToOuterDisposeScope())];
    }

    // ε outside of the root, so that where all channels are 0 the result is 0.
    private static Tensor Unit(Tensor x) => x / (x.square().sum(1, keepdim: true).sqrt() + Epsilon);

    private sealed class Group() : nn.Module(nameof(Group));
}
