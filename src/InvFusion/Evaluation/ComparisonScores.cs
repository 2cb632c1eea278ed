using InvFusion.Diffusion;
using InvFusion.Restoration;
using static TorchSharp.torch;

namespace InvFusion.Evaluation;

/// <summary>The scores of one row of a comparison, image by image.</summary>
internal sealed class ComparisonScores
{
    private readonly List<double> _psnr = [];
    private readonly List<double> _gain = [];
    private readonly List<double> _ssim = [];
    private readonly List<double> _consistency = [];
    private double _seconds;
    private long _forward;
    private long _inverse;
    private int _restored;
    private readonly List<string> _failures = [];

    /// <summary>Adds the restored images <c>[B, C, H, W]</c> of a batch; those that are not finite have failed and have no other score.</summary>
    /// <param name="batch">What they were restored from.</param>
    /// <param name="restored">The images.</param>
    /// <param name="baseline">PSNR of H⁺y for each of them; infinite where nothing was lost: there is nothing to restore then, and the image does not count.</param>
    /// <param name="seconds">The time that all of them took.</param>
    /// <param name="counts">What was called for them; null for H⁺y itself.</param>
    /// <param name="failures">For each image why it failed, where the sampler saw it.</param>
    public void Add(
        DegradedImages.Batch batch,
        Tensor restored,
        ReadOnlySpan<double> baseline,
        double seconds,
        CountingOperator? counts,
        IReadOnlyList<SampleFailure?>? failures = null
    )
    {
        using var scope = NewDisposeScope();
        var consistency = Consistency.RootMeanSquare(batch.Operator, restored, batch.Measurements);
        for (var i = 0; i < batch.Size; i++)
        {
            if (!double.IsFinite(baseline[i]))
                continue;
            if (!restored[i].isfinite().all().item<bool>())
            {
                _failures.Add(failures?[i]?.Message ?? $"image {batch.First + i} (seed {batch.Seeds[i]}) is not finite");
                continue;
            }
            _psnr.Add(ImageQuality.Psnr(restored[i], batch.Truth[i]));
            _gain.Add(_psnr[^1] - baseline[i]);
            _ssim.Add(ImageQuality.Ssim(restored[i], batch.Truth[i]));
            _consistency.Add(consistency[i]);
        }
        _seconds += seconds;
        _restored += batch.Size;
        _forward += counts?.ForwardCalls ?? 0;
        _inverse += counts?.InverseCalls ?? batch.Size;
    }

    /// <summary>The row, but for what names it.</summary>
    public ComparisonRow Row(ComparisonRow named) =>
        named with
        {
            Images = _psnr.Count,
            Failures = _failures,
            Psnr = Estimate.Of(_psnr),
            Gain = Estimate.Of(_gain),
            Ssim = Estimate.Of(_ssim),
            Consistency = _consistency.DefaultIfEmpty(double.NaN).Average(),
            ForwardCalls = (double)_forward / _restored,
            InverseCalls = (double)_inverse / _restored,
            SecondsPerImage = _seconds / _restored,
            PeakMegabytes = PeakMemory.Megabytes,
        };
}
