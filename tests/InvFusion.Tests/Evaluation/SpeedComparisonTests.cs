using InvFusion.Evaluation.Speed;
using InvFusion.Testing;
using Xunit;

namespace InvFusion.Tests.Evaluation;

/// <summary>Reports of speed: files, and two of them side by side.</summary>
public sealed class SpeedComparisonTests
{
    private static SpeedReport Report(params (string Part, string Name, string? Precision, double Seconds)[] rows) =>
        new()
        {
            Format = SpeedReport.CurrentFormat,
            Commit = "1",
            Date = "2026-01-01T00:00:00Z",
            Processor = "one",
            Threads = 2,
            Precisions = ["fp32"],
            Quick = false,
            Complete = true,
            PeakGflops = new Dictionary<string, double> { ["fp32"] = 100 },
            Rows =
            [
                .. rows.Select(r => new SpeedRow
                {
                    Part = r.Part,
                    Name = r.Name,
                    Precision = r.Precision,
                    Repeats = 3,
                    Seconds = r.Seconds,
                    MinSeconds = r.Seconds,
                    MultiplyAdds = null,
                    Gflops = null,
                    PeakMegabytes = 1,
                    Load = null,
                }),
            ],
        };

    [Fact]
    public void RowsMeetByPartNameAndPrecision()
    {
        var old = Report(("a", "x", "fp32", 2), ("a", "x", "bf16", 8), ("a", "z", null, 1), ("c", "w", null, 1), ("c", "v", null, 1));
        var now = Report(("b", "x", "fp32", 5), ("a", "x", "bf16", 2), ("a", "x", "fp32", 3)) with { Threads = 4 };
        var comparison = SpeedComparison.Of(old, now);
        Assert.Equal([("bf16", 0.25), ("fp32", 1.5)], comparison.Rows.Select(r => (r.Precision!, r.Ratio)));
        Assert.Equal(["b: all 1 rows"], comparison.OnlyNew);
        Assert.Equal(["a: z", "c: all 2 rows"], comparison.OnlyOld);
        Assert.Equal(["threads: 2, now 4"], comparison.Differences);
    }

    [Fact]
    public void AFileHoldsTheWholeReport()
    {
        using var folder = new TemporaryFolder();
        var report = Report(("a", "x", "fp32", 2), ("a", "H⁺ of 3×4", null, 0.5));
        report.Save(folder["speed.json"]);
        Assert.Equal(report.ToJson(), SpeedReport.Load(folder["speed.json"]).ToJson());
    }

    [Theory]
    [InlineData("invfusion-speed-1", "invfusion-speed-2", "invfusion-speed-2")]
    [InlineData("\"seconds\": 2", "\"seconds\": -2", "'x' has no time")]
    [InlineData("\"quick\"", "\"slow\"", "slow")]
    [InlineData("\"rows\": [", "\"rows\": [ null,", "row")]
    [InlineData("}", "", "bench speed")]
    public void AnotherFileIsRefusedByName(string text, string replacement, string words)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["other.json"], Report(("a", "x", "fp32", 2)).ToJson().Replace(text, replacement));
        var error = Assert.Throws<DataFormatException>(() => SpeedReport.Load(folder["other.json"]));
        Assert.Contains("other.json", error.Message);
        Assert.Contains(words, error.Message);
    }
}
