using InvFusion.Diffusion;
using InvFusion.Models;

namespace InvFusion.Restoration;

/// <summary>Which samplers a network can be used with: any with a conditional one, zero-shot methods by its <see cref="UnconditionalSide"/>.</summary>
public static class MethodFit
{
    /// <summary>Checks that a network can restore with a sampler.</summary>
    /// <param name="model">What messages call the model.</param>
    /// <param name="network">Its configuration.</param>
    /// <param name="method">Name of the sampler.</param>
    /// <exception cref="ConfigurationException">It cannot; the message names both and the way out.</exception>
    public static void Require(string model, NetworkConfiguration network, string method)
    {
        if (Problem(network, method) is { } problem)
            throw new ConfigurationException($"{model}: {problem}");
    }

    /// <summary>Why a network cannot restore with a sampler and what to do, or null where it can.</summary>
    /// <param name="network">Its configuration.</param>
    /// <param name="method">Name of the sampler.</param>
    public static string? Problem(NetworkConfiguration network, string method)
    {
        var kind = Samplers.Find(method);
        var unconditional = network.Kind == NetworkKind.Unconditional;
        if (kind.Conditional && unconditional)
            return $"an unconditional model cannot restore with {kind.Name}; use an invfusion or blind one, or one of the methods {Names(k => !k.Conditional)}";
        if (kind.NeedsDirections && network.Directions == 0)
            return $"{kind.Name} needs a model trained with directions; use mmse or edm with this one";
        return null;
    }

    private static string Names(Func<SamplerKind, bool> wanted) => string.Join(", ", Samplers.All.Where(wanted).Select(k => k.Name));
}
