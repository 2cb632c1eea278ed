using InvFusion.Diffusion;
using InvFusion.Formats;
using InvFusion.Formats.Safetensors;
using InvFusion.Models;
using InvFusion.Testing;
using InvFusion.Tests.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Models;

[Collection(TorchTests.Collection)]
public sealed class ModelSchedulesTests
{
    private static readonly ModelSchedules Schedules = new([new([80, 2.5, 0.1]), new([80, 0.5])]);

    [Fact]
    public void Schedules_are_used_by_multistep_methods_with_their_steps_unless_levels_are_chosen()
    {
        var (ipndm, edm) = (Samplers.Find("ipndm"), Samplers.Find("edm"));
        Assert.Equal([80, 2.5, 0.1], Schedules.Apply(ipndm, new() { Steps = 3 }).Levels!.Values);
        Assert.Null(Schedules.Apply(ipndm, new() { Steps = 4 }).Levels);
        Assert.Null(Schedules.Apply(ipndm, new() { Steps = 3, SigmaMin = 0.01 }).Levels);
        Assert.Null(Schedules.Apply(ipndm, new() { Steps = 3, SigmaMax = 40 }).Levels);
        Assert.Null(Schedules.Apply(ipndm, new() { Steps = 3, Rho = 7 }).Levels);
        Assert.Null(Schedules.Apply(edm, new() { Steps = 3 }).Levels);
        var twelve = new ModelSchedules([new(Enumerable.Range(1, 12).Select(i => 13.0 - i))]);
        Assert.NotNull(twelve.Apply(ipndm, new()).Levels); // its default steps
    }

    [Fact]
    public void A_file_carries_schedules_beside_the_same_bytes()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        string plain = folder["plain.safetensors"],
            half = folder["half.safetensors"],
            scheduled = folder["scheduled.safetensors"];
        using (var network = TestNetworks.Create(TestNetworks.Configuration))
            NetworkFile.Save(
                plain,
                network.Configuration,
                network.state_dict(),
                metadata: new Dictionary<string, string> { ["note"] = "kept" }
            );
        ModelConverter.FromSafetensors(plain, half, ElementType.BF16);
        foreach (var source in new[] { plain, half })
        {
            NetworkFile.WriteSchedules(source, scheduled, Schedules);
            using SafetensorsFile before = SafetensorsFile.Open(source),
                after = SafetensorsFile.Open(scheduled);
            Assert.Equal(before.Tensors.Keys.Order(), after.Tensors.Keys.Order());
            Assert.All(before.Tensors.Keys, name => Assert.True(before.Bytes(name).SequenceEqual(after.Bytes(name)), name));
            Assert.Equal("kept", after.Metadata["note"]);
            using var loaded = NetworkFile.Load(scheduled);
            Assert.Equal(Schedules.All, loaded.Schedules.All);
        }
        using (var without = NetworkFile.Load(plain))
            Assert.Empty(without.Schedules.All);
        NetworkFile.WriteSchedules(scheduled, scheduled, new([new([40, 1])])); // in place
        using var changed = NetworkFile.Load(scheduled);
        Assert.Equal("40,1", Assert.Single(changed.Schedules.All).ToString());
    }

    [Theory]
    [InlineData("""{"3":[80,1]}""", "3 steps")]
    [InlineData("""{"2":[1,80]}""", "fall")]
    [InlineData("[]", "m.safetensors")]
    public void Schedules_that_cannot_be_are_refused_with_the_source(string json, string word)
    {
        var message = Assert.Throws<ConfigurationException>(() => ModelSchedules.FromJson(json, "m.safetensors")).Message;
        Assert.Contains(word, message, StringComparison.Ordinal);
    }
}
