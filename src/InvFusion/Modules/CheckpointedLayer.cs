using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>A layer as one node of the graph, which computes itself anew on the way back.</summary>
internal sealed class CheckpointedLayer : autograd.SingleTensorFunction<CheckpointedLayer>
{
    private const string WorkKey = "work";

    /// <inheritdoc/>
    public override string Name => nameof(CheckpointedLayer);

    /// <summary>Applies the work; tokens and condition get their gradients, positions none.</summary>
    public static Tensor Apply(Work work, Tensor tokens, Tensor condition, Tensor positions) => apply(tokens, condition, positions, work);

    /// <summary>Inputs in, output out, and what is to be computed again.</summary>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (tokens, condition, positions, work) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], (Work)vars[3]);
        ctx.save_for_backward([tokens, condition, positions]);
        ctx.save_data(WorkKey, work);
        using var noGrad = no_grad();
        return work.Compute(tokens, condition, positions);
    }

    /// <summary>Computes the layer again with its graph, and goes back through it.</summary>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var work = (Work)ctx.get_data(WorkKey);
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        try
        {
            using var gradients = enable_grad();
            var (tokens, condition) = (saved[0].detach().requires_grad_(true), saved[1].detach().requires_grad_(true));
            work.Compute(tokens, condition, saved[2]).backward([grad_output]);
            return [tokens.grad!.MoveToOuterDisposeScope(), condition.grad!.MoveToOuterDisposeScope(), null!, null!];
        }
        catch (Exception error)
        {
            // Through native code an exception would end the process.
            work.Checkpoints.Failure ??= ExceptionDispatchInfo.Capture(error);
            return [zeros_like(saved[0]).MoveToOuterDisposeScope(), zeros_like(saved[1]).MoveToOuterDisposeScope(), null!, null!];
        }
    }

    /// <summary>What a layer computes.</summary>
    /// <param name="Checkpoints">The pass that it belongs to.</param>
    /// <param name="Layer">Tokens <c>[B, h, w, d]</c>, condition <c>[B, c]</c> and positions → tokens.</param>
    /// <param name="Seed">Of the layer's dropout.</param>
    public sealed record Work(LayerCheckpoints Checkpoints, Func<Tensor, Tensor, Tensor, Tensor> Layer, long Seed)
    {
        public Tensor Compute(Tensor tokens, Tensor condition, Tensor positions)
        {
            manual_seed(Seed);
            return Layer(tokens, condition, positions);
        }
    }
}
