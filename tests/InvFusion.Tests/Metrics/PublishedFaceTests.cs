using InvFusion.Data;
using InvFusion.Imaging;
using InvFusion.Metrics.Features;
using InvFusion.Metrics.Weights;
using InvFusion.Testing;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Metrics;

/// <summary>The published face network on faces, where both are here: see <see cref="SharedData"/>.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class PublishedFaceTests
{
    private const int Faces = 150;

    private static readonly string? Weights = SharedData.Find($"weights/{FaceFiles.Weights}");
    private static readonly string? Images = SharedData.Find("faces64_val.zip");

    [Fact]
    public void The_manifest_has_the_tensors_that_the_tests_write()
    {
        Assert.SkipWhen(Weights is null, "the published weights are not here");
        var manifest = FaceWeights.Files([Weights!])[0];
        using var file = Formats.NamedTensors.Open(manifest);
        Assert.Equal(
            FaceFiles.Tensors.Select(t => $"{t.Name} {string.Join('x', t.Shape)}"),
            file.Shapes.Select(t => $"{t.Key} {string.Join('x', t.Value)}")
        );
    }

    [Theory]
    [InlineData("shifted")]
    [InlineData("mirrored")]
    [InlineData("noisy")]
    public void Two_images_of_one_face_are_nearer_than_two_faces(string change)
    {
        Assert.SkipWhen(Weights is null || Images is null, "the published weights and the faces are not here");
        using var scope = NewDisposeScope();
        using var extractor = new FaceExtractor(FaceWeights.Files([Weights!])[0]);
        var faces = Read();
        var first = Features(extractor, faces[.., .., 2..62, 2..62]);
        var second = Features(
            extractor,
            change switch
            {
                "shifted" => faces[.., .., 2..62, 0..60],
                "mirrored" => faces[.., .., 2..62, 2..62].flip(3),
                _ => Noisy(faces[.., .., 2..62, 2..62]),
            }
        );
        var distances = cdist(first, second); // [n, n]
        var own = distances.diagonal().unsqueeze(1);
        var nearer = distances.gt(own).sum().item<long>() / (double)(Faces * (Faces - 1));
        var same = own.le(FaceNetwork.SamePerson).to_type(ScalarType.Float64).mean().item<double>();
        var told =
            $"{change}: nearer in {nearer:P2}; own distance {own.mean().item<float>():F3}, under 0.6 {same:P1}; of others {distances.mean().item<float>():F3}";
        TestContext.Current.SendDiagnosticMessage(told);
        Assert.True(nearer >= 0.95, told);
    }

    private static Tensor Noisy(Tensor images)
    {
        using var generator = new Generator(1);
        var noise = randn(images.shape, generator: generator) * 8; // grey levels
        return (images.to_type(ScalarType.Float32) + noise).round().clamp(0, 255).to_type(ScalarType.Byte);
    }

    private static Tensor Features(FaceExtractor extractor, Tensor images) =>
        cat([.. Enumerable.Range(0, Faces / 25).Select(i => extractor.Extract(images.narrow(0, 25 * i, 25)))], 0);

    // Spread over the set, [n, 3, 64, 64].
    private static Tensor Read()
    {
        using var set = new ResizedSet(ImageSource.Open(Images!), 64, CropMode.Adm, 3);
        var planes = new byte[Faces * 3 * 64 * 64];
        for (var i = 0; i < Faces; i++)
            set.Read(i * set.Count / Faces, planes.AsSpan(i * 3 * 64 * 64, 3 * 64 * 64));
        return tensor(planes).view(Faces, 3, 64, 64);
    }
}
