using InvFusion.Diffusion;

namespace InvFusion.Restoration;

/// <summary>Counts a restoration's evaluations for its progress as <see cref="RestoredImage.Evaluations"/> counts them: in images, those of the guidance included.</summary>
/// <remarks>Guidance may act at some noise levels only. What is left counts as if it acted at all of them, so that the last report tells what was done.</remarks>
internal sealed class EvaluationCount(IProgress<RestoreProgress> target, RestoreOptions options, int parts)
{
    private readonly int _factor = options.Guidance is null ? 1 : 2;
    private long _left = (long)EvaluationsOf(options) * options.Drawn * parts; // without guidance
    private long _done;
    private int _batch;

    private static int EvaluationsOf(RestoreOptions options)
    {
        var kind = Samplers.Find(options.Method);
        return kind.Evaluations(kind.StepsOf(options.Sampler));
    }

    /// <summary>The progress of a batch in a part.</summary>
    /// <param name="batch">Samples of the batch.</param>
    /// <param name="guided">Its denoiser where there is guidance.</param>
    public IProgress<SamplingProgress> Begin(int batch, GuidedDenoiser? guided)
    {
        _batch = batch;
        return new Progress(p => Report(_done + (long)p.Evaluations * batch + (guided?.ReferenceEvaluations ?? 0), p.Evaluations));
    }

    /// <summary>Closes the batch.</summary>
    /// <param name="each">Evaluations of each sample.</param>
    /// <param name="all">Evaluations of all, in images, those of the guidance included.</param>
    public void End(int each, long all) => (_done, _left) = (_done + all, _left - (long)each * _batch);

    private void Report(long done, int each) => target.Report(new(done, done + (_left - (long)each * _batch) * _factor));

    // Synchronous, unlike System.Progress: the bar never lags behind.
    private sealed class Progress(Action<SamplingProgress> report) : IProgress<SamplingProgress>
    {
        public void Report(SamplingProgress value) => report(value);
    }
}
