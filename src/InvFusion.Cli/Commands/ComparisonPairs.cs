using InvFusion.Cli.Rendering;
using InvFusion.Diffusion;
using InvFusion.Evaluation;
using InvFusion.Models;
using InvFusion.Restoration;

namespace InvFusion.Cli.Commands;

/// <summary>Pairs models with methods: zero-shot methods want an unconditional network, the others one that sees the measurement.</summary>
internal static class ComparisonPairs
{
    /// <summary>The pairs that fit; those that do not are named, in one line each.</summary>
    /// <exception cref="ConfigurationException">No pair fits, or an option is out of range.</exception>
    public static Contestant[] Fitting(
        IReadOnlyList<(string Name, PreconditionedNetwork Network)> networks,
        IReadOnlyList<string> methods,
        SamplerOptions given,
        bool project,
        Reporter reporter
    )
    {
        var fitting = new List<Contestant>();
        var problems = new List<string>();
        foreach (var (name, network) in networks)
        foreach (var method in methods)
            if (MethodFit.Problem(network.Configuration, method) is { } problem)
                problems.Add($"{name}: {problem}");
            else
                fitting.Add(Create(name, network, method, given, project));
        if (fitting.Count == 0)
            throw new ConfigurationException(
                $"no model fits a method: {problems[0]}{(problems.Count > 1 ? $" (and {problems.Count - 1} more pairs)" : "")}"
            );
        problems.ForEach(p => reporter.Line($"left out: {p}"));
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
