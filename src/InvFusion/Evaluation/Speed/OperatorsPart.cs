using InvFusion.Degradations;
using InvFusion.Modules;
using static TorchSharp.torch;

namespace InvFusion.Evaluation.Speed;

/// <summary>
/// Operators as the network uses them: their construction for a batch, H and H⁺ of the feature images of each level, and the degradation layer made of them.
/// </summary>
internal static class OperatorsPart
{
    public static IEnumerable<SpeedCase> Cases(SpeedRequest request) =>
        from network in request.Networks
        from degradation in request.Degradations
        from batch in request.Batches(4)
        from found in OfOperator(request, network, degradation, batch)
        select found;

    private static IEnumerable<SpeedCase> OfOperator(SpeedRequest request, SpeedNetwork network, DegradationSpec degradation, int batch)
    {
        var image = SpeedRequest.ImageOf(network);
        var place = $"{network.Name}, {degradation.Text} on {image}, batch {batch}";
        yield return new($"{place}: construction", () => degradation.Build(image, batch, SpeedRequest.Seed).Dispose());
        using var op = degradation.Build(image, batch, SpeedRequest.Seed);
        if (op is MatrixOperator matrix)
            yield return new($"{place}: the pseudo-inverse by linalg.pinv", () => PseudoInverses(matrix.Matrix)) { Once = true };
        foreach (var (precision, type) in request.Precisions)
        foreach (var (level, features) in FeatureImages(network))
        {
            using var images = SpeedRequest.Normals(type, batch, features, image.Channels, image.Height, image.Width);
            using var measured = Measure(op, images, type);
            var name = $"{network.Name} level {level}, {degradation.Text}, batch {batch} of {features} images {image}";
            var count = op is MatrixOperator ? (long)batch * features * op.MeasurementLength * image.Length : (long?)null;
            yield return new($"{name}: H", () => op.Apply(images)) { Precision = precision, MultiplyAdds = count };
            yield return new($"{name}: H⁺", () => op.PseudoInverse(measured))
            {
                Precision = precision,
                MultiplyAdds = Inverse(op, count, batch * features),
            };
            var (width, patch) = (network.Configuration.Levels[level].Width, network.Configuration.PatchAt(level));
            using var layer = BlocksPart.Ready(() => new FeatureDegradation(width, patch, image.Channels));
            using var tokens = SpeedRequest.Normals(ScalarType.Float32, batch, image.Height / patch, image.Width / patch, width);
            using var y = SpeedRequest.Normals(ScalarType.Float32, batch, 1, op.MeasurementLength);
            yield return new($"{name}: degradation layer", () => layer.Forward(tokens, op, y, type)) { Precision = precision };
        }
    }

    // H⁺ = Hᵀ(HHᵀ)⁺: a product with the small matrix more.
    private static long? Inverse(LinearOperator op, long? forward, long features) =>
        forward + features * op.MeasurementLength * op.MeasurementLength;

    // m of the joint levels, d = P²·m·C.
    private static IEnumerable<(int Level, int Features)> FeatureImages(SpeedNetwork network)
    {
        var c = network.Configuration;
        for (var i = 0; i < c.Levels.Count; i++)
        {
            var unit = c.PatchAt(i) * c.PatchAt(i) * c.Channels;
            if (c.Levels[i].Joint && c.Levels[i].Width % unit == 0)
                yield return (i, c.Levels[i].Width / unit);
        }
    }

    private static Tensor Measure(LinearOperator op, Tensor images, ScalarType type)
    {
        using var measured = op.Apply(images);
        return measured.to_type(type, copy: true);
    }

    // One by one: libtorch's batched linear algebra is not to be trusted on CPUs.
    private static void PseudoInverses(Tensor matrices)
    {
        for (var i = 0; i < matrices.shape[0]; i++)
        {
            using var one = matrices[i].to_type(ScalarType.Float64);
            using var inverse = linalg.pinv(one);
        }
    }
}
