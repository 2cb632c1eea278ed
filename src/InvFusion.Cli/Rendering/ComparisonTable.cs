using InvFusion.Evaluation;
using Spectre.Console;

namespace InvFusion.Cli.Rendering;

/// <summary>The table of a comparison on the standard output: Markdown for a file or a pipe, and what fits its width on a terminal.</summary>
internal static class ComparisonTable
{
    private static readonly string[] Shown =
    [
        "degradation",
        "model",
        "method",
        "PSNR (dB, 95 %)",
        "over H⁺y (dB, 95 %)",
        "SSIM (95 %)",
        "evaluations",
    ];

    public static void Print(IReadOnlyList<ComparisonRow> rows)
    {
        if (Console.IsOutputRedirected)
            Console.Write(ComparisonRow.Markdown(rows));
        else
            AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) }).Write(Create(rows));
    }

    /// <summary>The columns that are read first, and further metrics; intervals go to a line of their own where the terminal is narrow.</summary>
    public static Table Create(IReadOnlyList<ComparisonRow> rows)
    {
        var (titles, cells) = ComparisonRow.Cells(rows);
        int[] columns =
        [
            .. Enumerable.Range(0, titles.Length).Where(i => Shown.Contains(titles[i]) || i > Array.IndexOf(titles, "peak MB")),
        ];
        var table = new Table { Border = TableBorder.Simple };
        foreach (var column in columns)
            table.AddColumn(Markup.Escape(titles[column]));
        foreach (var row in cells)
            table.AddRow([.. columns.Select(c => Markup.Escape(row[c]))]);
        return table;
    }
}
