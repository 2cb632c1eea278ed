using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>The joint estimate of a measurement as a node of the graph, differentiable in x.</summary>
/// <remarks>
/// With A = H P Hᵀ + σ_y² it is m = (I - P HᵀA⁻¹H) P x/σ² + …, so the gradient of x is P(I - HᵀA⁻¹H P) g/σ² = (I - P HᵀA⁻¹H)(P g)/σ²: the estimate of another
/// mean, for a measurement of zeros.
/// </remarks>
internal sealed class JointEstimateFunction : autograd.SingleTensorFunction<JointEstimateFunction>
{
    /// <inheritdoc/>
    public override string Name => nameof(JointEstimateFunction);

    /// <summary>m, <c>[B, C, H, W]</c>.</summary>
    public static Tensor Apply(CosinePrior prior, Tensor x, Tensor sigma, JointEstimate.Measured known) => apply(x, sigma, prior, known);

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, sigma, prior, known) = ((Tensor)vars[0], (Tensor)vars[1], (CosinePrior)vars[2], (JointEstimate.Measured)vars[3]);
        ctx.save_for_backward([sigma]);
        ctx.save_data("prior", prior);
        ctx.save_data("known", known);
        return JointEstimate.Correct(prior, x, sigma, known, wiener: true);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var sigma = ctx.get_saved_variables()[0];
        var (prior, known) = ((CosinePrior)ctx.get_data("prior"), (JointEstimate.Measured)ctx.get_data("known"));
        var none = known with { Measurements = zeros_like(known.Measurements), Start = null };
        var gradient = JointEstimate.Correct(prior, grad_output, sigma, none, wiener: false);
        var result = gradient / sigma.to_type(gradient.dtype).square().view(-1, 1, 1, 1);
        return [result.MoveToOuterDisposeScope(), null!, null!, null!];
    }
}
