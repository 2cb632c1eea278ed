using System.Text.Json;
using System.Text.Json.Nodes;
using InvFusion.Cli.Rendering;
using Xunit;

namespace InvFusion.Cli.Tests;

public sealed class JsonTextTests
{
    [Fact]
    public void A_number_that_is_none_is_null_with_its_reason()
    {
        var text = JsonText.Text(
            new JsonObject
            {
                ["psnr"] = double.PositiveInfinity,
                ["ssim"] = 0.5,
                ["rows"] = new JsonArray(new JsonObject { ["mean"] = double.NaN }, double.NegativeInfinity, 2),
                ["name"] = "Infinity",
            }
        );
        var json = JsonDocument.Parse(text).RootElement;
        Assert.Equal(JsonValueKind.Null, json.GetProperty("psnr").ValueKind);
        Assert.Equal("infinite: without any difference", json.GetProperty("psnrReason").GetString());
        Assert.Equal(0.5, json.GetProperty("ssim").GetDouble());
        Assert.Equal("not a number: nothing was compared", json.GetProperty("rows")[0].GetProperty("meanReason").GetString());
        Assert.Equal(JsonValueKind.Null, json.GetProperty("rows")[1].ValueKind);
        Assert.Equal(2, json.GetProperty("rows")[2].GetDouble());
        Assert.Equal("Infinity", json.GetProperty("name").GetString());
    }

    [Fact]
    public void An_image_that_equals_the_truth_has_a_reason_and_no_psnr()
    {
        var options = new JsonSerializerOptions(ReportJson.Default.Options);
        var equal = JsonSerializer.SerializeToElement(new Quality(double.PositiveInfinity, 1), options);
        Assert.Equal(JsonValueKind.Null, equal.GetProperty("psnr").ValueKind);
        Assert.Equal("infinite: without any difference", equal.GetProperty("psnrReason").GetString());
        var other = JsonSerializer.SerializeToElement(new Quality(30, 1), options);
        Assert.Equal(30, other.GetProperty("psnr").GetDouble());
        Assert.False(other.TryGetProperty("psnrReason", out _));
        var ratios = JsonSerializer.SerializeToElement(new ResidualRatios([double.NaN, 1.5], double.PositiveInfinity), options);
        Assert.Equal("[null,1.5]", JsonSerializer.Serialize(ratios.GetProperty("samples")));
        Assert.Equal(JsonValueKind.Null, ratios.GetProperty("mean").ValueKind);
    }
}
