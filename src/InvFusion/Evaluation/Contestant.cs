using InvFusion.Diffusion;
using InvFusion.Models;
using InvFusion.Restoration;

namespace InvFusion.Evaluation;

/// <summary>One model with one method, in a comparison.</summary>
/// <param name="Model">Name of the model.</param>
/// <param name="Network">The network; not owned.</param>
/// <param name="Method">Name of the sampler.</param>
/// <param name="Options">Its options.</param>
/// <param name="Project">
/// Whether the images are moved onto the measurement in the end, as <see cref="RestoreOptions.Project"/> does; with noise in the measurement they are not.
/// </param>
public sealed record Contestant(string Model, PreconditionedNetwork Network, string Method, SamplerOptions Options, bool Project)
{
    /// <summary>Guidance weight w, see <see cref="GuidedDenoiser"/>; null for none. Without a guide it needs classes.</summary>
    public double? Guidance { get; init; }

    /// <summary>A weaker network that guides; the network itself without a class when null. Not owned.</summary>
    public PreconditionedNetwork? Guide { get; init; }

    /// <summary>The noise levels at which guidance acts; all when null.</summary>
    public SigmaInterval? GuidanceInterval { get; init; }

    /// <summary>How often it evaluates the network for an image.</summary>
    public int Evaluations => Kind.Evaluations(Kind.StepsOf(Options));

    /// <summary>Whether a zero-shot method runs on the unconditional side of a conditional network.</summary>
    public bool OnUnconditionalSide => UnconditionalSide.Serves(Network.Configuration, Method);

    /// <summary>What the table calls the model, with the side of it that is used where that is not the network as it is.</summary>
    public string Label => OnUnconditionalSide ? UnconditionalSide.Named(Model) : Model;

    internal SamplerKind Kind => Samplers.Find(Method);
}
