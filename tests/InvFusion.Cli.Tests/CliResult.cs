using System.Text.Json;
using Xunit;

namespace InvFusion.Cli.Tests;

/// <summary>What one run of the program left behind.</summary>
public sealed record CliResult(int ExitCode, string Output, string Error)
{
    /// <summary>The lines of the error stream.</summary>
    public string[] ErrorLines => Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The standard output as one JSON document; anything else beside it fails.</summary>
    public JsonElement Json => JsonSerializer.Deserialize<JsonElement>(Output);

    /// <summary>Fails, with everything that the program said, unless it ended with this code.</summary>
    public CliResult Expect(int exitCode)
    {
        Assert.True(ExitCode == exitCode, $"exit code {ExitCode}, expected {exitCode}\nstderr: {Error}\nstdout: {Output}");
        return this;
    }

    /// <summary>Fails unless the error stream is one line with all of these words.</summary>
    public void ExpectOneErrorLine(string words)
    {
        var line = Assert.Single(ErrorLines);
        foreach (var word in words.Split('|'))
            Assert.Contains(word, line, StringComparison.OrdinalIgnoreCase);
    }
}
