using System.CommandLine;
using System.Text.Json.Nodes;
using InvFusion.Cli.Rendering;
using InvFusion.Data;
using InvFusion.Distributed;

namespace InvFusion.Cli.Commands;

/// <summary>Work that the processes of mpirun or srun do together; one process alone is the usual case.</summary>
internal static class RankedWork
{
    /// <summary>Runs the work on every rank. An error on one ends them all: the others would wait for it for ever.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="shared">Its options.</param>
    /// <param name="afterDeath">What to do when a rank has died.</param>
    /// <param name="work">The work; libtorch is started, with this rank's part of the processors.</param>
    public static int Run(ParseResult parsed, SharedOptions shared, string afterDeath, Func<ICollective, Reporter, int> work)
    {
        var ranks = Collectives.Start(message => Console.Error.WriteLine($"error: {message}; {afterDeath}"));
        int code;
        try
        {
            var reporter = new Reporter(parsed.GetValue(shared.Quiet) || !ranks.IsFirst(), plain: ranks.Size > 1);
            shared.StartTorch(parsed, ranks);
            if (ranks.Size > 1)
                reporter.Line(Describe(ranks, shared.ThreadCount(parsed)));
            code = work(ranks, reporter);
        }
        catch (Exception error) when (ranks.Size > 1)
        {
            // Not by unwinding: to leave in order is to wait for the others.
            ErrorLine.Print(error, parsed.GetValue(shared.Verbose), $"rank {ranks.Rank}: ");
            ranks.Abort(ExitCode.Of(error));
            throw; // not reached: the process has ended
        }
        ranks.Dispose();
        return code;
    }

    /// <summary>Ends the work where ranks were started with other options, models or data: their parts would be put together to a result that belongs to neither.</summary>
    /// <param name="ranks">The ranks.</param>
    /// <param name="settings">All that decides the result, as this rank has it.</param>
    /// <exception cref="ConfigurationException">A rank differs from rank 0; the message names in what, on every rank.</exception>
    public static void RequireAgreement(ICollective ranks, JsonObject settings)
    {
        var first = JsonNode.Parse(ranks.Text(() => settings.ToJsonString()))!.AsObject();
        var own = JsonNode.Parse(settings.ToJsonString())!.AsObject();
        string[] names = [.. first.Select(p => p.Key), "an option"]; // the last one for what rank 0 was not given
        double[] differing =
        [
            .. first.Select(p => own.ContainsKey(p.Key) && JsonNode.DeepEquals(p.Value, own[p.Key]) ? 0.0 : 1),
            own.Count(p => !first.ContainsKey(p.Key)),
        ];
        ranks.Reduce(differing, Reduction.Sum); // every rank knows: whichever ends the others first says it
        if (differing.Any(d => d > 0))
            throw new ConfigurationException(
                $"the ranks differ in {string.Join(", ", names.Where((_, i) => differing[i] > 0))}; start every rank with the same options, model and data"
            );
    }

    /// <summary>The options of a command line and what its files hold, for <see cref="RequireAgreement"/>. Where a rank computes and what it prints is its own affair.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="used">The files, whose names may differ from rank to rank.</param>
    public static JsonObject Settings(ParseResult parsed, ResultManifest used)
    {
        var settings = new JsonObject();
        foreach (var option in parsed.CommandResult.Command.Options.Where(o => !OfTheRank.Contains(o.Name)))
            if (parsed.GetResult(option) is { Implicit: false } given)
                settings[option.Name] = JsonText.Array(given.Tokens.Select(t => t.Value));
        settings["files"] = JsonText.Array(used.Files.Select(f => f.Sha256));
        settings["data"] = used.Images?.Summary;
        return settings;
    }

    private static readonly HashSet<string> OfTheRank =
    [
        .. new[] { "--model", "--guide", "--ref", "--weights", "--device", "--threads", "--quiet", "--verbose", "--json" },
    ];

    private static string Describe(ICollective ranks, int threads)
    {
        var own = ranks.Processors.Own;
        var line = $"{ranks.Size} ranks, threads of each: {(threads > 0 ? threads : own)}";
        return own < ranks.Processors.Fair
            ? $"{line}; the launcher binds a rank to {own} of the {ranks.Processors.Fair} processors it could have: 'mpirun --bind-to none' lets it"
            : line;
    }
}
