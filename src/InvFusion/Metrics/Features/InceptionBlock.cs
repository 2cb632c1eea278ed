using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>Branches that see the same map, their results side by side: one "mixed" block of Inception-v3.</summary>
internal sealed class InceptionBlock : nn.Module<Tensor, Tensor>
{
    private readonly (InceptionPool Pool, ConvolutionNorm[] Chain, ConvolutionNorm[] Ends)[] _branches;

    public InceptionBlock(params InceptionBranch[] branches)
        : base(nameof(InceptionBlock)) => _branches = [.. branches.Select(b => (b.Pool, Register(b.Chain), Register(b.Ends)))];

    /// <summary><c>[B, C, H, W]</c> → <c>[B, C', H', W']</c>.</summary>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        return cat([.. _branches.SelectMany(b => Run(input, b.Pool, b.Chain, b.Ends))], 1).MoveToOuterDisposeScope();
    }

    private static IEnumerable<Tensor> Run(Tensor input, InceptionPool pool, ConvolutionNorm[] chain, ConvolutionNorm[] ends)
    {
        var x = Pool(input, pool);
        foreach (var layer in chain)
            x = layer.call(x);
        return ends.Length == 0 ? [x] : ends.Select(end => end.call(x));
    }

    private static Tensor Pool(Tensor x, InceptionPool pool) =>
        pool switch
        {
            InceptionPool.Average => nn.functional.avg_pool2d(x, 3, stride: 1, padding: 1, count_include_pad: false),
            InceptionPool.Maximum => nn.functional.max_pool2d(x, 3, stride: 1, padding: 1),
            InceptionPool.Reduce => nn.functional.max_pool2d(x, 3, stride: 2),
            _ => x,
        };

    private ConvolutionNorm[] Register(InceptionLayer[] layers)
    {
        var modules = layers.Select(l => new ConvolutionNorm(l)).ToArray();
        foreach (var (layer, module) in layers.Zip(modules))
            register_module(layer.Name, module);
        return modules;
    }
}
