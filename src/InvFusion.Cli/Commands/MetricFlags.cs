using System.CommandLine;
using InvFusion.Data;
using InvFusion.Distributed;
using InvFusion.Metrics.References;
using InvFusion.Metrics.Scores;
using InvFusion.Metrics.Weights;
using static TorchSharp.torch;

namespace InvFusion.Cli.Commands;

/// <summary>The options that choose metrics, and what they need.</summary>
/// <param name="role">What the metrics are for, in the help.</param>
/// <param name="defaults">Names when none are given.</param>
internal sealed class MetricFlags(string role, params string[] defaults)
{
    /// <summary>What the roles of files of weights begin with.</summary>
    public const string WeightsRole = "weights";

    private readonly Option<string[]> _metrics = new("--metrics")
    {
        Description = $"Names, separated by commas, {role}: {string.Join(", ", MetricKinds.All.Select(m => m.Name))}",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => defaults,
    };
    private readonly Option<string?> _reference = new("--ref")
    {
        Description = "Reference statistics: from 'metrics ref', EDM's .npz or EDM2's .pkl",
    };
    private readonly Option<string[]> _weights = WeightsOption();

    /// <summary>The option that names files of weights.</summary>
    public static Option<string[]> WeightsOption() =>
        new("--weights")
        {
            Description = "NAME=FILE: your own copy of a network's weights, else those that 'fetch-weights NAME' has fetched",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [],
        };

    public void AddTo(Command command)
    {
        command.Add(_metrics);
        command.Add(_reference);
        command.Add(_weights);
    }

    /// <summary>Reads what was given; networks are loaded when a plan needs them.</summary>
    public Chosen Open(ParseResult parsed, Device? device)
    {
        var names = parsed.GetValue(_metrics)!;
        var file = parsed.GetValue(_reference);
        return new(
            names.Length == 0 ? [] : MetricKinds.Parse(names),
            new MetricTools(new WeightCache(parsed.GetValue(_weights)!), device),
            file
        );
    }

    /// <summary>Files of weights, for the manifest of a result.</summary>
    public static IEnumerable<UsedFile> WeightsOf(IEnumerable<(string Network, string Path)> files) =>
        files.Select(f => UsedFile.Of($"{WeightsRole} {f.Network}", f.Path));

    /// <summary>Metrics with their networks and reference, which it owns.</summary>
    internal sealed class Chosen(IReadOnlyList<MetricKind> metrics, MetricTools tools, string? referenceFile) : IDisposable
    {
        private readonly ReferenceStatistics? _reference = referenceFile is null ? null : ReferenceFile.Load(referenceFile);

        public IReadOnlyList<string> Names { get; } = [.. metrics.Select(m => m.Name)];

        /// <summary>The plan for images; each metric that cannot be computed is an error line.</summary>
        /// <exception cref="DataFormatException">None can be computed.</exception>
        public MetricPlan Plan(MetricNeeds given, ICollective ranks)
        {
            var plan = MetricPlan.Create(metrics, given, tools, _reference);
            var lines = plan.Refused.Select(r => $"{r.Name}: {r.Error}").ToArray();
            if (lines.Length == metrics.Count)
                throw new DataFormatException(
                    lines.Length == 1 ? lines[0] : $"{lines[0]} (nor can {string.Join(", ", Names.Skip(1))} be computed)"
                );
            if (ranks.IsFirst())
                foreach (var line in lines)
                    Console.Error.WriteLine($"error: {line}");
            return plan;
        }

        /// <summary>The files that the metrics of a plan are computed from, for the manifest of a result.</summary>
        public IEnumerable<UsedFile> FilesOf(MetricPlan? plan) =>
            (referenceFile is null ? [] : new[] { UsedFile.Of("reference", referenceFile) }).Concat(WeightsOf(plan?.WeightFiles ?? []));

        public void Dispose()
        {
            tools.Dispose();
            _reference?.Dispose();
        }
    }
}
