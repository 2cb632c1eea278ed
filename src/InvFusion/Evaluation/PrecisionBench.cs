using System.Globalization;
using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Distributed;
using static TorchSharp.torch;

namespace InvFusion.Evaluation;

/// <summary>How far the samples of bfloat16 products are from those of float32, with the same random numbers, beside how far either is from the truth.</summary>
public static class PrecisionBench
{
    /// <summary>The row of the first images of a set.</summary>
    /// <param name="contestant">Model and method; the type of the network's products is changed, and set back.</param>
    /// <param name="images">Clean images; not owned.</param>
    /// <param name="degradation">The degradation; random ones draw an operator for each image.</param>
    /// <param name="options">Count, batches, seeds, noise and device.</param>
    /// <param name="progress">Told (done, all) images.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static PrecisionRow Run(
        Contestant contestant,
        IImageSet images,
        DegradationSpec degradation,
        ComparisonOptions options,
        IProgress<(double Done, double Total)>? progress = null,
        CancellationToken cancellation = default
    )
    {
        ArgumentNullException.ThrowIfNull(contestant);
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        if (options.Count > images.Count)
            throw new ConfigurationException($"--num {options.Count}: must be 1 to {images.Count}, the images of the set");
        using var noGrad = no_grad();
        var (between, wide, narrow) = (new List<double>(), new List<double>(), new List<double>());
        var degraded = new DegradedImages(images, degradation, options);
        foreach (var batch in degraded.Read(options.Count, new SingleProcess()))
        {
            using var scope = NewDisposeScope();
            Tensor one = Sample(contestant, ScalarType.Float32, batch, options, cancellation),
                other = Sample(contestant, ScalarType.BFloat16, batch, options, cancellation);
            for (var i = 0; i < batch.Size; i++)
            {
                between.Add(Decibels(one[i], other[i]));
                wide.Add(Decibels(one[i], batch.Truth[i]));
                narrow.Add(Decibels(other[i], batch.Truth[i]));
            }
            progress?.Report((batch.First + batch.Size, options.Count));
        }
        return new(degradation.Text, between.Count, Estimate.Of(between), Estimate.Of(wide), Estimate.Of(narrow));
    }

    // Of the numbers themselves: on bytes most would be equal.
    private static double Decibels(Tensor image, Tensor truth) =>
        10 * Math.Log10(4 / Math.Max(1e-20, (image - truth).square().mean().item<float>()));

    private static Tensor Sample(
        Contestant contestant,
        ScalarType type,
        DegradedImages.Batch batch,
        ComparisonOptions options,
        CancellationToken cancellation
    )
    {
        var before = contestant.Network.ComputeType;
        contestant.Network.ComputeType = type;
        try
        {
            var result = BatchSampler.Restore(contestant, batch, batch.Operator, options, progress: null, cancellation);
            result.ThrowIfFailed();
            return result.Images;
        }
        finally
        {
            contestant.Network.ComputeType = before;
        }
    }
}

/// <summary>One line of <see cref="PrecisionBench"/>: PSNR in decibels of images in [-1, 1], with bootstrap intervals over images.</summary>
/// <param name="Degradation">The degradation, as its specification has it.</param>
/// <param name="Images">Images that count.</param>
/// <param name="Between">Of bfloat16 samples against the float32 samples of the same random numbers.</param>
/// <param name="SinglePrecision">Of float32 samples against the truth.</param>
/// <param name="HalfPrecision">Of bfloat16 samples against the truth.</param>
public sealed record PrecisionRow(string Degradation, int Images, Estimate Between, Estimate SinglePrecision, Estimate HalfPrecision)
{
    /// <summary>Rows as a Markdown table.</summary>
    public static string Markdown(IEnumerable<PrecisionRow> rows) =>
        "| degradation | images | bf16 against fp32 samples, dB (95 %) | fp32 against truth, dB (95 %) | bf16 against truth, dB (95 %) |\n| --- | --- | --- | --- | --- |\n"
        + string.Concat(
            rows.Select(r =>
                $"| {r.Degradation} | {r.Images} | {Cell(r.Between)} | {Cell(r.SinglePrecision)} | {Cell(r.HalfPrecision)} |\n"
            )
        );

    private static string Cell(Estimate e) => string.Create(CultureInfo.InvariantCulture, $"{e.Mean:F2} ({e.Low:F2} to {e.High:F2})");
}
