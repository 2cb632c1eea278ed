using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>
/// Guidance: D = D_ref + w·(D_main - D_ref), where the reference is a weaker network, or the same one without the class
/// (Ho and Salimans, "Classifier-free diffusion guidance"; Karras et al., "Guiding a diffusion model with a bad version of itself").
/// </summary>
public sealed class GuidedDenoiser : IDenoiser
{
    private readonly IDenoiser _main;
    private readonly Func<Tensor, Tensor, (Tensor Main, Tensor Reference)> _branches;
    private readonly double _weight;
    private readonly SigmaInterval? _interval;

    /// <summary>Guidance by another network.</summary>
    /// <param name="main">D_main.</param>
    /// <param name="reference">D_ref.</param>
    /// <param name="weight">w; 1 is D_main alone, and the reference is not evaluated.</param>
    /// <param name="interval">Guides only at these noise levels (Kynkäänniemi et al., 2024); elsewhere D is D_main.</param>
    public GuidedDenoiser(IDenoiser main, IDenoiser reference, double weight, SigmaInterval? interval = null)
        : this(main, (x, sigma) => (main.Denoise(x, sigma), reference.Denoise(x, sigma)), weight, interval) { }

    private GuidedDenoiser(
        IDenoiser main,
        Func<Tensor, Tensor, (Tensor Main, Tensor Reference)> branches,
        double weight,
        SigmaInterval? interval
    ) => (_main, _branches, _weight, _interval) = (main, branches, weight, interval);

    /// <summary>Samples for which the reference was evaluated so far.</summary>
    public long ReferenceEvaluations { get; private set; }

    /// <summary>Guidance by the same network, both branches in one call.</summary>
    /// <param name="main">D_main, for noise levels where nothing is guided.</param>
    /// <param name="together">Denoises a doubled batch: the first half as D_main, the second as D_ref.</param>
    /// <param name="weight">w.</param>
    /// <param name="interval">Noise levels that are guided; all when null.</param>
    public static GuidedDenoiser InOneBatch(IDenoiser main, IDenoiser together, double weight, SigmaInterval? interval = null)
    {
        return new(main, Branches, weight, interval);

        (Tensor, Tensor) Branches(Tensor x, Tensor sigma)
        {
            var levels = sigma.NumberOfElements == 1 ? sigma : cat([sigma, sigma], 0);
            var halves = together.Denoise(cat([x, x], 0), levels).chunk(2, 0); // [2B, C, H, W] → 2 × [B, C, H, W]
            return (halves[0], halves[1]);
        }
    }

    /// <inheritdoc/>
    public Tensor Denoise(Tensor x, Tensor sigma)
    {
        if (_weight == 1)
            return _main.Denoise(x, sigma);
        using var scope = NewDisposeScope();
        var excess = tensor(_weight - 1, float32, x.device);
        if (_interval is { } range)
        {
            var inside = sigma.ge(range.Low).logical_and(sigma.le(range.High));
            if (!inside.any().item<bool>())
                return _main.Denoise(x, sigma).MoveToOuterDisposeScope();
            excess = (excess * inside).reshape(-1, 1, 1, 1); // per sample
        }
        var (denoised, reference) = _branches(x, sigma);
        ReferenceEvaluations += x.shape[0];
        // D_ref + w (D - D_ref) = D + (w - 1)(D - D_ref)
        return denoised.addcmul(excess, denoised - reference, 1).MoveToOuterDisposeScope();
    }
}
