using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>Where samples are on the way down fine noise levels, and what the denoiser says there: the solution that coarser steps are measured against.</summary>
public sealed class TeacherTrajectory : IDisposable
{
    private TeacherTrajectory(double[] levels, Tensor[] states, Tensor[] denoised) =>
        (Levels, States, Denoised) = (levels, states, denoised);

    /// <summary>The noise levels, falling; the last one is 0.</summary>
    public IReadOnlyList<double> Levels { get; }

    /// <summary>x at each of the levels, <c>[B, C, H, W]</c>.</summary>
    public IReadOnlyList<Tensor> States { get; }

    /// <summary>D(x, σ) at each of them but the last, <c>[B, C, H, W]</c>.</summary>
    public IReadOnlyList<Tensor> Denoised { get; }

    /// <summary>Follows samples with Heun's steps, two evaluations each; the caller owns the trajectory.</summary>
    /// <param name="denoiser">The denoiser.</param>
    /// <param name="request">The samples.</param>
    /// <param name="steps">How many levels there are above 0.</param>
    /// <param name="progress">Told after every evaluation.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="DivergenceException">A sample diverged.</exception>
    public static TeacherTrajectory Of(
        IDenoiser denoiser,
        SamplingRequest request,
        int steps,
        IProgress<SamplingProgress>? progress = null,
        CancellationToken cancellation = default
    )
    {
        var options = new EdmOptions { Steps = steps };
        var recorder = new Recorder(denoiser);
        try
        {
            var result = new EdmSampler(options).Sample(recorder, request, progress, cancellation);
            recorder.States.Add(result.Images.DetachFromDisposeScope());
            result.ThrowIfFailed();
            return new(options.Sigmas(), [.. recorder.States], [.. recorder.Denoised]);
        }
        catch
        {
            recorder.Release();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in States.Concat(Denoised))
            tensor.Dispose();
    }

    // Every second evaluation is of a state on the way; the others are of Heun's trial steps.
    private sealed class Recorder(IDenoiser inner) : IDenoiser
    {
        private int _calls;

        public List<Tensor> States { get; } = [];

        public List<Tensor> Denoised { get; } = [];

        public Tensor Denoise(Tensor x, Tensor sigma)
        {
            var denoised = inner.Denoise(x, sigma);
            if (_calls++ % 2 == 0)
            {
                States.Add(x.clone().DetachFromDisposeScope());
                Denoised.Add(denoised.clone().DetachFromDisposeScope());
            }
            return denoised;
        }

        public void Release() => States.Concat(Denoised).ToList().ForEach(t => t.Dispose());
    }
}
