using InvFusion.Diffusion;
using InvFusion.Evaluation;
using InvFusion.Models;
using InvFusion.Restoration;

namespace InvFusion.Cli.Commands;

/// <summary>
/// Pairs models with methods. Zero-shot methods run on the unconditional models that are named; where there is none, or where it is asked for, they run on the
/// unconditional side of the conditional ones. The other methods want a network that is conditioned on the measurement.
/// </summary>
internal static class ComparisonPairs
{
    /// <summary>The option that adds the unconditional side of conditional models.</summary>
    public const string SidesOption = "--unconditional-side";

    /// <summary>The pairs that fit; those that do not are named, in one line each. A method without a network has a row of its own in every table and is no pair.</summary>
    /// <param name="models">The models, each with names of samplers.</param>
    /// <param name="given">The options that were given.</param>
    /// <param name="project">See <see cref="Contestant"/>.</param>
    /// <param name="sides">Whether conditional models take part by their unconditional side although an unconditional model is there.</param>
    /// <param name="tell">Told what is left out.</param>
    /// <exception cref="ConfigurationException">No pair fits, or an option is out of range.</exception>
    public static Contestant[] Fitting(
        IReadOnlyList<(string Name, PreconditionedNetwork Network, IReadOnlyList<string> Methods)> models,
        SamplerOptions given,
        bool project,
        bool sides,
        Action<string> tell
    )
    {
        var fitting = new List<Contestant>();
        var problems = new List<string>();
        sides |= models.All(n => n.Network.Configuration.Kind != NetworkKind.Unconditional);
        foreach (var (name, network, methods) in models)
        foreach (var method in methods.Where(m => Samplers.Find(m).NeedsNetwork))
            if (MethodFit.Problem(network.Configuration, method) is { } problem)
                problems.Add($"{name}: {problem}");
            else if (!sides && UnconditionalSide.Serves(network.Configuration, method))
                problems.Add($"{name}: {method} runs on the unconditional models; {SidesOption} adds the unconditional side of this one");
            else
                fitting.Add(Create(name, network, method, given, project));
        if (fitting.Count == 0 && problems.Count > 0)
            throw new ConfigurationException(
                $"no model fits a method: {problems[0]}{(problems.Count > 1 ? $" (and {problems.Count - 1} more pairs)" : "")}"
            );
        problems.ForEach(p => tell($"left out: {p}"));
        return [.. fitting];
    }

    // Each method gets the options that it knows: mmse takes no steps, and --steps is for the others.
    private static Contestant Create(string name, PreconditionedNetwork network, string method, SamplerOptions given, bool project)
    {
        var kind = Samplers.Find(method);
        var options = network.Schedules.Apply(kind, given.For(kind));
        _ = Samplers.Create(method, options); // refuses values out of range before the first image
        return new(name, network, method, options, project);
    }
}
