using System.CommandLine;

namespace InvFusion.Cli.Commands;

/// <summary>Every command of the program; a new one is one file and one line here.</summary>
internal static class CommandTable
{
    public static IEnumerable<Command> Create() =>
        [
            RestoreCommand.Create(),
            SampleCommand.Create(),
            DegradeCommand.Create(),
            CompareCommand.Create(),
            MetricsCommand.Create(),
            FetchWeightsCommand.Create(),
            TrainCommand.Create(),
            TrainFeaturesCommand.Create(),
            DatasetCommand.Create(),
            ModelCommand.Create(),
            BenchCommand.Create(),
        ];
}
