using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>
/// relu(x' + conv(relu(conv(x)))). In a block that halves the map x' is the 2×2 mean of x at every second pixel; where x' and the branch differ in size or channels,
/// zeros follow the smaller one (dlib's <c>add_prev</c>).
/// </summary>
internal sealed class FaceBlock : nn.Module<Tensor, Tensor>
{
    private readonly bool _halves;

    [ComponentName(Name = "conv1")]
    private readonly FaceConvolution _first;

    [ComponentName(Name = "conv2")]
    private readonly FaceConvolution _second;

    /// <summary>Creates the block; its weights are to be loaded.</summary>
    public FaceBlock(int inputs, int outputs, bool halves)
        : base(nameof(FaceBlock))
    {
        _halves = halves;
        _first = new(inputs, outputs, kernel: 3, stride: halves ? 2 : 1);
        _second = new(outputs, outputs, kernel: 3, stride: 1);
        RegisterComponents();
    }

    /// <summary>Maps <c>[B, inputs, h, w]</c> → <c>[B, outputs, h', w']</c>.</summary>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var branch = _second.call(_first.call(input).relu());
        var shortcut = _halves ? nn.functional.avg_pool2d(input, 2, 2) : input;
        long[] shape = [.. branch.shape.Zip(shortcut.shape, Math.Max)];
        return (Grown(branch, shape) + Grown(shortcut, shape)).relu().MoveToOuterDisposeScope();
    }

    // Zeros behind the last channel, row and column.
    private static Tensor Grown(Tensor x, long[] shape) =>
        x.shape.SequenceEqual(shape)
            ? x
            : nn.functional.pad(x, [0, shape[3] - x.shape[3], 0, shape[2] - x.shape[2], 0, shape[1] - x.shape[1]]);
}
