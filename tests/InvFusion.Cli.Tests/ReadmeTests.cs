using InvFusion.Testing;
using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary>What the README shows runs in a clone with nothing beside it.</summary>
public sealed class ReadmeTests : IDisposable
{
    private static readonly string[] Lines = File.ReadAllLines(Path.Combine(Goldens.RepositoryRoot, "README.md"));

    private readonly TemporaryFolder _clone = new();

    public void Dispose() => _clone.Dispose();

    [Fact]
    public async Task TheSequenceOfCommandsRunsFromTopToBottom()
    {
        foreach (var name in new[] { "samples", "configs", "tests/data/golden" })
            Copy(new(Path.Combine(Goldens.RepositoryRoot, name)), _clone[name]);
        string[] commands = [.. Block("## More to try", "```").Select(l => l.Split('#')[0].Trim()).Where(l => l.Length > 0)];
        Assert.InRange(commands.Length, 15, 40);
        foreach (var command in commands)
        {
            var words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal("invfusion", words[0]);
            using var program = new RunningProgram(RunningProgram.Command(_clone.Root, words[1..]));
            var result = await program.End();
            Assert.True(result.ExitCode == 0, $"{command}: exit code {result.ExitCode}\n{result.Error}");
            Assert.DoesNotContain("warning", result.Error);
        }
        Assert.True(File.Exists(_clone["compared/compare-2.png"]));
        Assert.True(File.Exists(_clone["scores/metrics.json"]));
        Assert.True(File.Exists(_clone["runs/faces64/state-000000000048.safetensors"]));
    }

    [Fact]
    public void TheLibrarySnippetIsPartOfACompiledSample()
    {
        var snippet = Block("## As a library", "```csharp");
        Assert.InRange(snippet.Length, 5, 30);
        var sample = File.ReadAllText(Path.Combine(Goldens.RepositoryRoot, "samples", "CustomOperator", "Program.cs"))
            .ReplaceLineEndings("\n");
        Assert.Contains(string.Join('\n', snippet) + "\n", sample);
        Assert.Contains(
            "samples/CustomOperator/CustomOperator.csproj",
            File.ReadAllText(Path.Combine(Goldens.RepositoryRoot, "InvFusion.slnx"))
        );
    }

    private static void Copy(DirectoryInfo from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in from.GetFiles())
            file.CopyTo(Path.Combine(to, file.Name));
        foreach (var folder in from.GetDirectories().Where(d => d.Name is not ("bin" or "obj")))
            Copy(folder, Path.Combine(to, folder.Name));
    }

    // The first block of code under a heading.
    private static string[] Block(string heading, string fence) =>
        [.. Lines.SkipWhile(l => l != heading).SkipWhile(l => l != fence).Skip(1).TakeWhile(l => l != "```")];
}
