using InvFusion.Ops.Kernels;
using static TorchSharp.torch;

namespace InvFusion.Ops;

/// <summary>Gated linear unit with the exact (erf) gelu: halves (a, g) of the last dimension give a · gelu(g).</summary>
public static class Geglu
{
    /// <summary><c>[…, 2d]</c> → <c>[…, d]</c>.</summary>
    public static Tensor Apply(Tensor x)
    {
        if (FusedKernels.Take(FusedKernel.Geglu, x))
            return FusedKernels.TakeWithoutGraph(FusedKernel.Geglu, x) ? GegluKernel.Apply(x) : GegluFunction.Apply(x);
        using var scope = NewDisposeScope();
        var halves = x.chunk(2, -1);
        return (halves[0] * nn.functional.gelu(halves[1])).MoveToOuterDisposeScope();
    }
}
