using System.Text.Json;
using InvFusion.Degradations;
using InvFusion.Testing;
using Xunit;

namespace InvFusion.Tests.Degradations;

/// <summary>Polylines as Pillow 9.4 draws them with <c>ImageDraw.line</c>.</summary>
public sealed class MotionLineTests
{
    [Theory]
    [InlineData(2, "4,4 5,5", "............/............/............/............/.....#....../....###...../.....#......")]
    [InlineData(2, "3,3 3,3", "............/............/............/...#......../............/............/............")]
    public void AWideLineIsItsPolygonAlone(int thickness, string points, string expected)
    {
        var path = points.Split(' ').Select(p => p.Split(',')).Select(p => (double.Parse(p[0]), double.Parse(p[1]))).ToArray();
        Assert.Equal(expected, string.Join('/', Drawn(path, 12, 7, thickness)));
    }

    [Fact]
    public void RecordedLinesAreEqual()
    {
        var path = SharedData.Find("../faults/files/lines.json");
        Assert.SkipUnless(path is not null, "the recorded lines are not here");
        using var recorded = JsonDocument.Parse(File.ReadAllText(path!));
        foreach (var line in recorded.RootElement.EnumerateArray())
        {
            int Number(string name) => line.GetProperty(name).GetInt32();
            var points = line.GetProperty("points").EnumerateArray().Select(p => (p[0].GetDouble(), p[1].GetDouble())).ToArray();
            var rows = line.GetProperty("rows").EnumerateArray().Select(r => r.GetString()!);
            Assert.Equal(rows, Drawn(points, Number("width"), Number("height"), Number("thickness")));
        }
    }

    private static IEnumerable<string> Drawn((double X, double Y)[] path, int width, int height, int thickness)
    {
        var pixels = MotionKernel.Polyline(path, width, height, thickness);
        return Enumerable
            .Range(0, height)
            .Select(y => new string([.. Enumerable.Range(0, width).Select(x => pixels[y * width + x] > 0 ? '#' : '.')]));
    }
}
