using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Compressed sensing: random signs, an orthonormal cosine transform, and few of its numbers. Rows are orthonormal, so H⁺ = Hᵀ.</summary>
public sealed class CompressedSensingOperator : LinearOperator
{
    private readonly Tensor _signs; // [B, 1, C, H, W]
    private readonly Tensor _kept; // [B, 1, O] places in the flattened transform
    private readonly Tensor _measured; // [B, 1, O] 1, or 0 beyond the measurements of a sample that has fewer than others
    private readonly Tensor _rows; // cosines [H, H]
    private readonly Tensor _columns; // [W, W]

    private CompressedSensingOperator(ImageShape image, Tensor signs, Tensor kept, Tensor measured)
        : base(image, (int)signs.shape[0], (int)kept.shape[2])
    {
        using var scope = NewDisposeScope();
        (_signs, _kept, _measured) = (Keep(signs), Keep(kept), Keep(measured));
        (_rows, _columns) = (
            Keep(CosineTransform.Matrix(image.Height).to(signs.device)),
            Keep(CosineTransform.Matrix(image.Width).to(signs.device))
        );
    }

    /// <summary>Draws an operator per stream.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="keep">The fraction of numbers that is measured, in (0, 1].</param>
    /// <param name="samples">One stream per sample.</param>
    /// <param name="device">Where the operator lives; the CPU when null.</param>
    public static CompressedSensingOperator Draw(ImageShape image, double keep, IReadOnlyList<RandomStream> samples, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(samples);
        return Draw(image, [.. Enumerable.Repeat(keep, samples.Count)], keep, samples, device);
    }

    /// <summary>Draws an operator per stream, each with a fraction of its own. All measurements have one length; the shorter ones end with zeros.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="keep">The fraction that each sample measures.</param>
    /// <param name="most">The fraction that the length of the measurements is, in (0, 1]; none of <paramref name="keep"/> is larger.</param>
    /// <param name="samples">One stream per sample.</param>
    /// <param name="device">Where the operator lives; the CPU when null.</param>
    internal static CompressedSensingOperator Draw(
        ImageShape image,
        IReadOnlyList<double> keep,
        double most,
        IReadOnlyList<RandomStream> samples,
        Device? device
    )
    {
        if (most is not (> 0 and <= 1))
            throw new ArgumentException($"the fraction {most} to keep is outside (0, 1]");
        using var scope = NewDisposeScope();
        var length = Count(image, most);
        var (signs, kept) = (new float[samples.Count * image.Length], new long[samples.Count * length]);
        var measured = new float[kept.Length];
        for (var i = 0; i < samples.Count; i++)
        {
            foreach (ref var sign in signs.AsSpan(i * image.Length, image.Length))
                sign = samples[i].NextInt(0, 2) == 0 ? -1 : 1;
            var count = Count(image, keep[i]);
            Choose(samples[i], image.Length, kept.AsSpan(i * length, count));
            measured.AsSpan(i * length, count).Fill(1);
        }
        long[] shape = [samples.Count, 1, image.Channels, image.Height, image.Width];
        long[] places = [samples.Count, 1, length];
        return new(image, Place(tensor(signs), shape), Place(tensor(kept), places), Place(tensor(measured), places));

        Tensor Place(Tensor values, long[] size) => values.reshape(size).to(device ?? CPU);
    }

    /// <inheritdoc/>
    public override Tensor Apply(Tensor images)
    {
        RequireImages(images);
        using var scope = NewDisposeScope();
        var type = images.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;
        var transformed = CosineTransform
            .Sides(images.to_type(type) * _signs.to_type(type), _rows.to_type(type), _columns.to_type(type))
            .flatten(2);
        var chosen = transformed.gather(2, _kept.expand(images.shape[0], images.shape[1], -1));
        return (chosen * _measured.to_type(type)).to_type(images.dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor measurements)
    {
        RequireMeasurements(measurements);
        using var scope = NewDisposeScope();
        var type = measurements.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;
        var (batch, k) = (measurements.shape[0], measurements.shape[1]);
        var spectrum = zeros([batch, k, Image.Length], dtype: type, device: measurements.device)
            .scatter_add(2, _kept.expand(batch, k, -1), measurements.to_type(type) * _measured.to_type(type))
            .reshape(batch, k, Image.Channels, Image.Height, Image.Width);
        var images = CosineTransform.Sides(spectrum, _rows.to_type(type).t(), _columns.to_type(type).t()) * _signs.to_type(type);
        return images.to_type(measurements.dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor PseudoInverse(Tensor measurements, double sigmaY = 0)
    {
        using var scope = NewDisposeScope();
        return (Adjoint(measurements) / (1 + sigmaY * sigmaY)).MoveToOuterDisposeScope();
    }

    /// <summary>Noise of what is measured; beyond a sample's own fraction there is none.</summary>
    public override Tensor Noise(Tensor normals)
    {
        RequireMeasurements(normals);
        using var scope = NewDisposeScope();
        return (normals * _measured.to_type(normals.dtype)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override LinearOperator Select(params ReadOnlySpan<long> samples)
    {
        using var scope = NewDisposeScope();
        var chosen = samples.ToArray();
        return new CompressedSensingOperator(Image, Pick(_signs, chosen), Pick(_kept, chosen), Pick(_measured, chosen));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        foreach (var tensor in (Tensor[])[_signs, _kept, _measured, _rows, _columns])
            tensor.Dispose();
        base.Dispose(disposing);
    }

    private static int Count(ImageShape image, double fraction) => Math.Max(1, (int)Math.Round(fraction * image.Length));

    // Distinct places, in order: the first of a shuffle.
    private static void Choose(RandomStream stream, int length, Span<long> kept)
    {
        var places = new long[length];
        for (var i = 0; i < length; i++)
            places[i] = i;
        for (var i = 0; i < kept.Length; i++)
        {
            var j = stream.NextInt(i, length);
            (places[i], places[j]) = (places[j], places[i]);
        }
        places.AsSpan(0, kept.Length).CopyTo(kept);
        kept.Sort();
    }
}
