using InvFusion.Metrics.Features;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Training.Features;

/// <summary>A feature network with the head that takes its features into the space of the loss; the head goes when the training ends (SimCLR, Chen et al., ICML 2020).</summary>
internal sealed class ContrastiveNetwork : nn.Module
{
    private const int Hidden = 128;

    [ComponentName(Name = "features")]
    private readonly SmallFeatureNetwork _features;

    [ComponentName(Name = "hidden")]
    private readonly InvFusion.Modules.Linear _hidden = new(SmallFeatureNetwork.Width, Hidden, bias: true);

    [ComponentName(Name = "out")]
    private readonly InvFusion.Modules.Linear _out = new(Hidden, SmallFeatureNetwork.Width);

    public ContrastiveNetwork(SmallFeatureNetwork features)
        : base(nameof(ContrastiveNetwork))
    {
        _features = features;
        RegisterComponents();
    }

    /// <summary>The loss of two views of each image: every view has to find its partner among all other views (NT-Xent).</summary>
    /// <param name="views"><c>[2B, 3, 64, 64]</c>; view i and i + B show the same image.</param>
    /// <param name="temperature">τ.</param>
    /// <returns>The mean loss, and the number of views whose partner was nearest; both scalars.</returns>
    public (Tensor Loss, Tensor Found) Evaluate(Tensor views, double temperature)
    {
        using var scope = NewDisposeScope();
        var z = _out.call(_hidden.call(_features.call(views)).relu());
        z = z * (z.square().sum(1, keepdim: true) + 1e-8).rsqrt();
        var count = views.shape[0];
        var self = eye(count, dtype: ScalarType.Bool, device: views.device);
        var logits = (z.mm(z.t()) / temperature).masked_fill(self, -1e9); // [2B, 2B]
        var partners = arange(count, dtype: ScalarType.Int64, device: views.device).roll(count / 2, 0);
        var loss = nn.functional.cross_entropy(logits, partners);
        var found = logits.detach().argmax(1).eq(partners).sum();
        return (loss.MoveToOuterDisposeScope(), found.MoveToOuterDisposeScope());
    }
}
