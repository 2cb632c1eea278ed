using InvFusion.Degradations;
using InvFusion.Models;
using InvFusion.Restoration;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Models;
using Xunit;

namespace InvFusion.Tests.Restoration;

/// <summary>What a network was trained with, and the method that follows from it.</summary>
[Collection(TorchTests.Collection)]
public sealed class MethodChoiceTests
{
    private const string Faces = "matrix,motion,patches,none,box,missing-box,sr,sr:4";

    [Theory]
    [InlineData(Faces, null, "missing-box:2,2,8,8", 0, MethodChoice.Sampling, false)]
    [InlineData(Faces, null, "missing-box:2,2,8,8", 0.05, "ddrm", true)]
    [InlineData(Faces, null, "sr:2", 0.0023, MethodChoice.Sampling, false)] // a picture of 8 bits
    [InlineData(Faces, null, "random-matrix:rows=8", 0, MethodChoice.Sampling, false)]
    [InlineData(Faces, null, "blur:sigma=1", 0, MethodChoice.Sampling, false)]
    [InlineData(Faces, null, "blur:sigma=1", 0.05, "ddrm", true)]
    [InlineData(Faces, null, "pixels:keep=0.5", 0, "linear", true)]
    [InlineData(Faces, null, "patches:size=4,keep=0.3", 0, MethodChoice.Sampling, false)]
    [InlineData(Faces, null, "patches:size=1,keep=0.5", 0, "linear", true)] // single pixels under another name
    [InlineData(Faces, null, "compressed", 0, "linear", true)]
    [InlineData(Faces, null, "gray", 0, "ddrm", true)]
    [InlineData(Faces, null, "gray+sr:2", 0, "ddrm", true)]
    [InlineData(Faces, null, "identity", 0.1, "ddrm", true)]
    [InlineData(Faces, null, "random", 0, MethodChoice.Sampling, false)]
    [InlineData("matrix,motion", null, "random", 0, "linear", true)]
    [InlineData("matrix,sr:4", null, "gray", 0, "linear", true)] // no prior
    [InlineData("random", null, "sr:4", 0, MethodChoice.Sampling, false)]
    [InlineData("gray+sr:2", null, "gray+sr:2", 0, MethodChoice.Sampling, false)]
    [InlineData("degradation.MotionBlur,box:2,2,8,8", null, "motion", 0, MethodChoice.Sampling, false)]
    [InlineData("box:2,2,8,8,none", null, "box", 0, MethodChoice.Sampling, false)]
    [InlineData("pixels,none", "0,0.3", "pixels", 0.3, MethodChoice.Sampling, false)]
    [InlineData("pixels,none", "0,0.3", "mask:nosuch.png", 0, MethodChoice.Sampling, false)]
    [InlineData("sr,none", "0.05,0.3", "sr:4", 0, "ddrm", true)]
    [InlineData(null, null, "gray", 0.1, MethodChoice.Sampling, false)] // nothing is known
    public void The_method_follows_from_the_training(
        string? degradations,
        string? noise,
        string asked,
        double sigmaY,
        string method,
        bool warned
    )
    {
        var trained = Trained(degradations, noise);
        var choice = Choose(trained, asked, sigmaY);
        Assert.Equal((method, warned), (choice.Method, choice.Warning is not null));
        if (warned)
            Assert.Contains($"takes {method}", choice.Warning, StringComparison.Ordinal);
        var own = MethodChoice.Of("faces", TestNetworks.Configuration, trained, DegradationSpec.Parse(asked), sigmaY, "mmse");
        Assert.Equal(("mmse", warned), (own.Method, own.Warning is not null));
    }

    [Fact]
    public void A_warning_names_what_was_asked_and_what_was_trained()
    {
        var trained = Trained("box,none,box", "0,0.02");
        Assert.Equal(
            "faces: was not trained with 'pixels' with σ_y 0.1 (trained: box, none, σ_y 0 to 0.02); takes linear, --method chooses another",
            Choose(trained, "pixels", 0.1).Warning
        );
        Assert.Equal(
            "faces: was not trained with σ_y 0.1 (trained: 0 to 0.02); takes ddrm, --method chooses another",
            Choose(trained, "box", 0.1).Warning
        );
        Assert.Null(MethodChoice.Of("faces", TestNetworks.Configuration, trained, DegradationSpec.Parse("pixels"), 0.1, "ddrm").Warning);
    }

    [Theory]
    [InlineData("Mmse", 0, "mmse")]
    [InlineData("Nppc", 2, "nppc")]
    [InlineData(null, 2, "nppc")] // files from before the loss was noted
    [InlineData("Edm", 0, MethodChoice.Sampling)]
    public void A_model_that_can_do_one_thing_does_that(string? loss, int directions, string method)
    {
        var metadata = new Dictionary<string, string> { [NetworkFile.DegradationsKey] = Faces };
        if (loss is not null)
            metadata[NetworkFile.LossKey] = loss;
        var network = TestNetworks.Configuration with { Directions = directions };
        var trained = TrainedWith.Read(metadata, network, "file");
        Assert.Equal(method, MethodChoice.Of("faces", network, trained, DegradationSpec.Parse("box"), 0, null).Method);
        Assert.Equal(method == MethodChoice.Sampling, trained.HasPrior);
        var outside = MethodChoice.Of("faces", network, trained, DegradationSpec.Parse("gray"), 0, null).Method;
        Assert.Equal(method == MethodChoice.Sampling ? "ddrm" : "linear", outside);
    }

    [Fact]
    public void An_unconditional_model_restores_whatever_is_measured()
    {
        var network = TestNetworks.Configuration with { Kind = NetworkKind.Unconditional };
        var choice = MethodChoice.Of("prior", network, Trained("box", null), DegradationSpec.Parse("gray"), 0.5, null);
        Assert.Equal(new MethodChoice("ddnm", null), choice);
    }

    [Fact]
    public void Noise_that_is_told_but_not_noted_is_unknown()
    {
        var metadata = new Dictionary<string, string> { [NetworkFile.DegradationsKey] = "box" };
        Assert.Equal((0, 0), TrainedWith.Read(metadata, TestNetworks.Configuration, "file").Noise);
        Assert.Null(TrainedWith.Read(metadata, TestNetworks.Configuration with { NoiseConditioning = true }, "file").Noise);
        foreach (var wrong in new[] { "", "0.1", "0.3,0.1", "-1,0", "a,b" })
        {
            metadata[NetworkFile.NoiseKey] = wrong;
            var error = Assert.Throws<DataFormatException>(() => TrainedWith.Read(metadata, TestNetworks.Configuration, "file"));
            Assert.StartsWith($"file: {NetworkFile.NoiseKey} is '{wrong}'", error.Message, StringComparison.Ordinal);
        }
    }

    private static MethodChoice Choose(TrainedWith trained, string degradation, double sigmaY) =>
        MethodChoice.Of("faces", TestNetworks.Configuration, trained, DegradationSpec.Parse(degradation), sigmaY, asked: null);

    private static TrainedWith Trained(string? degradations, string? noise)
    {
        var metadata = new Dictionary<string, string>();
        if (degradations is not null)
            metadata[NetworkFile.DegradationsKey] = degradations;
        if (noise is not null)
            metadata[NetworkFile.NoiseKey] = noise;
        return TrainedWith.Read(metadata, TestNetworks.Configuration, "file");
    }
}
