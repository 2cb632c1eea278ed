using InvFusion.Metrics.Features;
using InvFusion.Metrics.Scores;
using InvFusion.Metrics.Weights;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;
using TemporaryFolder = InvFusion.Testing.TemporaryFolder;

namespace InvFusion.Tests.Metrics;

/// <summary>The face network with random weights: its loading, a second computation of all of it, and the metrics.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class FaceNetworkTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_tensor_of_the_manifest_has_its_place_and_its_values()
    {
        using var scope = NewDisposeScope();
        var weights = FaceFiles.Write(_folder.Root, seed: 1);
        Assert.Equal(117, weights.Count);
        using var network = NetworkWeights.Load(() => new FaceNetwork(), _ => FaceNetwork.Names, _folder[FaceFiles.Manifest]);
        var state = network.state_dict();
        Assert.Equal(117, state.Count);
        foreach (var (name, shape) in FaceFiles.Tensors)
        {
            var own = state[FaceNetwork.Names.NameOf(name)!];
            Assert.Equal(shape.Select(s => (long)s), own.shape);
            Assert.Equal(weights[name].Select(v => (float)v), TensorAssert.Values(own));
        }
    }

    [Fact]
    public void A_second_computation_by_plain_loops_agrees()
    {
        using var scope = NewDisposeScope();
        var weights = FaceFiles.Write(_folder.Root, seed: 2);
        using var extractor = new FaceExtractor(_folder[FaceFiles.Manifest]);
        Assert.Equal(("face-dlib-v1", 128), (extractor.Name, extractor.Width));
        using var generator = new Generator(3);
        var images = randint(0, 256, [2, 3, FaceNetwork.Side, FaceNetwork.Side], dtype: ScalarType.Byte, generator: generator);
        var features = extractor.Extract(images);
        var pixels = new double[3, FaceNetwork.Side, FaceNetwork.Side];
        Buffer.BlockCopy(images[1].to_type(ScalarType.Float64).data<double>().ToArray(), 0, pixels, 0, 8 * pixels.Length);
        var expected = tensor(new FaceLoops(weights).Features(pixels));
        TensorAssert.Differs(features[0], features[1], 1e-3);
        TensorAssert.Close(expected, features[1], 2e-5);
        Assert.True(expected.abs().max().item<double>() > 0.1, "nothing comes through");
        Assert.Equal([1, 128], extractor.Extract(images[..1, .., ..40, ..64]).shape);
    }

    [Fact]
    public void Folder_manifest_and_weights_name_the_same_network()
    {
        using var scope = NewDisposeScope();
        FaceFiles.Write(_folder.Root, seed: 4);
        var (manifest, weights) = (_folder[FaceFiles.Manifest], _folder[FaceFiles.Weights]);
        foreach (var named in new[] { _folder.Root, manifest, weights, $"{weights},{manifest}" })
            Assert.Equal([manifest, weights], Detectors.Find("face").Files(new WeightCache([$"face={named}"], _folder["none"])));
        using var extractor = Detectors.Find("face").Create(new WeightCache([], _folder.Root), CPU); // the cache's folder
        Assert.Equal("face-dlib-v1", extractor.Name);
    }

    [Theory]
    [InlineData("short", "cut, or of another model")]
    [InlineData("no weights", "face_recognition_model.bin")]
    [InlineData("no manifest", "face_recognition_model-weights_manifest.json")]
    [InlineData("beside nothing", "manifest.json beside it")]
    [InlineData("other shape", "FaceNetwork has [256, 128]")]
    [InlineData("other name", "does not belong to FaceNetwork")]
    [InlineData("nothing", "fetch-weights face")]
    public void Damaged_or_missing_files_are_one_line(string damage, string expected)
    {
        FaceFiles.Write(_folder.Root, seed: 5);
        var (manifest, weights, named) = (_folder[FaceFiles.Manifest], _folder[FaceFiles.Weights], _folder.Root);
        switch (damage)
        {
            case "short":
                File.WriteAllBytes(weights, File.ReadAllBytes(weights)[..^1]);
                break;
            case "no weights":
                File.Delete(weights);
                break;
            case "no manifest":
                File.Delete(manifest);
                break;
            case "beside nothing":
                File.Delete(manifest);
                named = weights;
                break;
            case "other shape":
                File.WriteAllText(manifest, File.ReadAllText(manifest).Replace("[256,128]", "[128,256]", StringComparison.Ordinal));
                break;
            case "other name":
                File.WriteAllText(manifest, File.ReadAllText(manifest).Replace("\"fc\"", "\"fd\"", StringComparison.Ordinal));
                break;
        }
        var cache = new WeightCache(damage == "nothing" ? [] : [$"face={named}"], _folder["none"]);
        using var tools = new MetricTools(cache);
        var plan = MetricPlan.Create(MetricKinds.Parse(["face_similarity"]), MetricNeeds.Truth, tools, reference: null);
        var message = Assert.Single(plan.Refused).Error!;
        Assert.Contains(expected, message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Similarity_is_one_of_the_same_image_and_falls_with_the_distance()
    {
        using var scope = NewDisposeScope();
        FaceFiles.Write(_folder.Root, seed: 6);
        using var tools = new MetricTools(new WeightCache([$"face={_folder.Root}"], _folder["none"]));
        using var generator = new Generator(7);
        var bytes = randint(0, 256, [3, 3, 32, 32], dtype: ScalarType.Byte, generator: generator);
        var truth = bytes.to_type(ScalarType.Float32) / 127.5 - 1;
        var other = truth.roll(1, 0);
        other[0] = truth[0];
        var metric = (ImageMetric)MetricKinds.Find("face_similarity");
        double[] scores = [.. metric.Score(new ScoredImages(other.unsqueeze(0)) { Truth = truth }, tools).Select(s => s.Numerator)];
        var features = tools.Extractor("face").Extract(bytes).to_type(ScalarType.Float64);
        Assert.Equal(1, scores[0], 1e-5);
        for (var i = 1; i < 3; i++)
            Assert.Equal(1 - (features[i] - features[i - 1]).norm().item<double>() / 0.6, scores[i], 1e-4);
        Assert.True(scores[1] < 0.999 && scores[1] != scores[2]);
        var plan = MetricPlan.Create([metric], MetricNeeds.Truth, tools, reference: null);
        Assert.Equal([FaceFiles.Manifest, FaceFiles.Weights], plan.WeightFiles.Select(f => Path.GetFileName(f.Path)));
    }
}
