using InvFusion.Models;
using Xunit;

namespace InvFusion.Tests.Models;

public class NetworkConfigurationTests
{
    private const string Levels = """ "levels": [{"width": 48, "depth": 1, "headWidth": 16}]""";

    [Fact]
    public void Json_round_trip_keeps_every_value()
    {
        var configuration = TestNetworks.Configuration with { Kind = NetworkKind.Blind, Classes = 3, Directions = 2, SigmaData = 0.4 };
        var read = NetworkConfiguration.FromJson(configuration.ToJson(), "test");
        Assert.Equal(configuration.Levels, read.Levels);
        Assert.Equal(configuration, read with { Levels = configuration.Levels });
    }

    [Fact]
    public void Keys_that_are_left_out_keep_their_defaults()
    {
        var read = NetworkConfiguration.FromJson($$"""{"resolution": 32, "patch": 2, {{Levels}}}""", "test");
        Assert.Equal(
            (NetworkKind.InvFusion, 3, 256, 2, 0.5, 0.05),
            (read.Kind, read.Channels, read.MappingWidth, read.MappingDepth, read.SigmaData, read.Dropout)
        );
        Assert.Equal((0, 0, true), (read.Levels[0].Kernel, read.Levels[0].HiddenWidth, read.Levels[0].Joint));
    }

    [Theory]
    [InlineData("""{"resolution": 32, "patch": 2, "colour": 1, LEVELS}""", "colour")]
    [InlineData("""{"resolution": 32, "patch": 2, "levels": [{"width": 48, "depth": 1, "hedWidth": 16}]}""", "hedWidth")]
    [InlineData("""{"patch": 2, LEVELS}""", "resolution")]
    [InlineData("""{"resolution": 32, "patch": 2}""", "levels")]
    [InlineData("""{"resolution": 32, "patch": 2, "levels": null}""", "levels")]
    [InlineData("""{"resolution": 32, "patch": 2, "levels": [null]}""", "levels[0]")]
    [InlineData("""{"resolution": 32, "patch": 2, "levels": [{"depth": 1}]}""", "width")]
    [InlineData("""{"resolution": "big", "patch": 2, LEVELS}""", "resolution")]
    [InlineData("""{"resolution": 32, "patch": 2, "kind": "magic", LEVELS}""", "kind")]
    [InlineData("""{"resolution": 32, "patch": 2, "kind": 1, LEVELS}""", "kind")]
    [InlineData("""{"resolution": 33, "patch": 2, LEVELS}""", "resolution")]
    [InlineData("""null""", "empty")]
    [InlineData("""{"resolution": """, "test.json")]
    public void A_text_that_is_no_configuration_is_refused_with_file_and_key(string json, string key)
    {
        var error = Assert.Throws<ConfigurationException>(() => NetworkConfiguration.FromJson(json.Replace("LEVELS", Levels), "test.json"));
        Assert.StartsWith("test.json: ", error.Message);
        Assert.Contains(key, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    public static TheoryData<string, NetworkConfiguration> Nonsense
    {
        get
        {
            var c = TestNetworks.Configuration;
            NetworkConfiguration Level(Func<LevelConfiguration, LevelConfiguration> change) =>
                c with
                {
                    Levels = [c.Levels[0], change(c.Levels[1])],
                };
            return new()
            {
                { "kind", c with { Kind = (NetworkKind)7 } },
                { "channels", c with { Channels = 0 } },
                { "patch", c with { Patch = -2 } },
                { "patch", c with { Patch = 1000 } },
                { "levels", c with { Levels = [] } },
                { "levels", c with { Levels = [.. Enumerable.Repeat(c.Levels[0], 9)] } },
                { "resolution", c with { Resolution = 0 } },
                { "resolution", c with { Resolution = 18 } },
                { "resolution", c with { Resolution = int.MaxValue } },
                { "mappingWidth", c with { MappingWidth = 31 } },
                { "mappingWidth", c with { MappingWidth = 0 } },
                { "mappingDepth", c with { MappingDepth = -1 } },
                { "mappingHiddenWidth", c with { MappingHiddenWidth = -1 } },
                { "classes", c with { Classes = -1 } },
                { "directions", c with { Directions = -1 } },
                { "sigmaData", c with { SigmaData = 0 } },
                { "sigmaData", c with { SigmaData = double.NaN } },
                { "measurementSkip", c with { Kind = NetworkKind.Unconditional, MeasurementSkip = true } },
                { "dropout", c with { Dropout = 1 } },
                { "dropout", c with { Dropout = double.NaN } },
                { "levels[1].depth", Level(l => l with { Depth = 0 }) },
                { "levels[1].width", Level(l => l with { Width = -48 }) },
                { "levels[1].width", Level(l => l with { Width = 24, HeadWidth = 24 }) }, // 4·4·3 does not divide it
                { "levels[1].headWidth", Level(l => l with { HeadWidth = 0 }) },
                { "levels[1].headWidth", Level(l => l with { HeadWidth = 12 }) },
                { "levels[1].headWidth", Level(l => l with { HeadWidth = 32 }) },
                { "levels[1].hiddenWidth", Level(l => l with { HiddenWidth = -1 }) },
                { "levels[1].kernel", Level(l => l with { Kernel = 2 }) },
                { "levels[1].kernel", Level(l => l with { Kernel = 5 }) }, // 4 tokens along a side
                { "levels[1].kernel", Level(l => l with { Kernel = -3 }) },
            };
        }
    }

    [Theory, MemberData(nameof(Nonsense), DisableDiscoveryEnumeration = true)]
    public void A_value_out_of_range_is_refused_by_its_key(string key, NetworkConfiguration configuration)
    {
        var error = Assert.Throws<ConfigurationException>(() => configuration.Validate("net.json"));
        Assert.StartsWith($"net.json: {key} ", error.Message);
        Assert.Throws<ConfigurationException>(() => new PreconditionedNetwork(configuration));
    }

    [Fact]
    public void A_level_without_the_degradation_may_have_any_width()
    {
        var c = TestNetworks.Configuration;
        var narrow = c with { Levels = [c.Levels[0], c.Levels[1] with { Width = 24 }] };
        (narrow with { Kind = NetworkKind.Blind }).Validate();
        (narrow with { Levels = [narrow.Levels[0], narrow.Levels[1] with { Joint = false }] }).Validate();
    }

    [Fact]
    public void Every_preset_is_valid_in_every_kind()
    {
        foreach (var name in NetworkPresets.All.Keys)
        foreach (var kind in Enum.GetValues<NetworkKind>())
        {
            NetworkPresets.Get(name, kind).Validate(name);
            Assert.Equal(kind, NetworkPresets.Get(name.ToUpperInvariant(), kind).Kind);
        }
    }

    [Fact]
    public void An_unknown_preset_is_refused_with_the_list()
    {
        var error = Assert.Throws<ConfigurationException>(() => NetworkPresets.Get("huge"));
        Assert.Contains("huge", error.Message);
        Assert.Contains("small64", error.Message);
    }
}
