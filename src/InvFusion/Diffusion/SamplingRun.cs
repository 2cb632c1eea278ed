using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>What all samplers share: counting, progress, cancellation, and keeping a diverging sample from the others.</summary>
internal sealed class SamplingRun(
    IDenoiser denoiser,
    SamplingRequest request,
    int steps,
    IProgress<SamplingProgress>? progress,
    CancellationToken cancellation
)
{
    private readonly SampleFailure?[] _failures = new SampleFailure?[Batch(request)];
    private int _evaluations;
    private double _lastSigma;

    /// <summary>Ends the run.</summary>
    public CancellationToken Cancellation => cancellation;

    /// <summary>The step that is running, from 1.</summary>
    public int Step { get; set; }

    /// <summary>Whether no sample is left that could still succeed.</summary>
    public bool AllFailed => _failures.All(f => f is not null);

    /// <summary>Fresh standard normals <c>[B, C, H, W]</c>.</summary>
    public Tensor Normal() => request.Noise.Normal(request.Image.Channels, request.Image.Height, request.Image.Width);

    /// <summary>D(x, σ), with zeros for samples that have failed, so that nothing that mixes samples can spread a NaN.</summary>
    public Tensor Denoise(Tensor x, double sigma)
    {
        cancellation.ThrowIfCancellationRequested();
        using var scope = NewDisposeScope();
        _lastSigma = sigma;
        var denoised = denoiser.Denoise(x, tensor([(float)sigma], device: x.device));
        if (!denoised.shape.AsSpan().SequenceEqual(x.shape))
            throw new ConfigurationException(
                $"the denoiser returns [{string.Join(", ", denoised.shape)}] for [{string.Join(", ", x.shape)}]: this sampler needs equal shapes"
            );
        _evaluations++;
        denoised = Isolate(denoised, replacement: 0);
        progress?.Report(new SamplingProgress(Step, steps, _evaluations, sigma));
        return denoised.MoveToOuterDisposeScope();
    }

    /// <summary>D(x, σ) and the gradient by x of a number made of it; numbers of different samples must only be summed.</summary>
    public (Tensor Denoised, Tensor Gradient) DenoiseWithGradient(Tensor x, double sigma, Func<Tensor, Tensor> value)
    {
        using var scope = NewDisposeScope();
        using var gradients = enable_grad();
        var leaf = x.detach().requires_grad_(true);
        var denoised = Denoise(leaf, sigma);
        var number = value(denoised);
        if (number.requires_grad)
            number.backward();
        var gradient = leaf.grad is { } g ? g.clone() : zeros_like(leaf);
        return (denoised.detach().MoveToOuterDisposeScope(), gradient.MoveToOuterDisposeScope());
    }

    /// <summary>How a step with η of fresh noise splits σ': the part along d and the part that is drawn (DDIM, eq. 16, with α = 1).</summary>
    public static (double Keep, double Fresh) Ddim(double sigma, double next, double eta)
    {
        var fresh = eta * next * Math.Sqrt(Math.Max(0, sigma * sigma - next * next)) / sigma;
        return (Math.Sqrt(next * next - fresh * fresh), fresh);
    }

    /// <summary>The result, with NaN in place of failed samples. Takes ownership of <paramref name="images"/>.</summary>
    public SamplingResult Finish(Tensor images)
    {
        using var scope = NewDisposeScope();
        var result = Isolate(images, double.NaN);
        if (ReferenceEquals(result, images)) // of the caller's scope already: to move it would be to leave that one
            return new SamplingResult(images, _failures, _evaluations);
        images.Dispose();
        return new SamplingResult(result.MoveToOuterDisposeScope(), _failures, _evaluations);
    }

    // B, of a request that can be served.
    private static int Batch(SamplingRequest request)
    {
        var batch = request.Noise.BatchSize;
        if (batch < 1)
            throw new ArgumentException("the request is for no samples: give the noise at least one seed");
        if (request.Problem is { } problem)
        {
            InverseProblem.Check(problem.Operator, problem.Measurements, batch);
            if (problem.Operator.Image != request.Image)
                throw new ArgumentException(
                    $"the operator is made for {problem.Operator.Image} images, the request is for {request.Image}"
                );
        }
        return batch;
    }

    // Notes samples that are not finite, and overwrites every failed one.
    private Tensor Isolate(Tensor values, double replacement)
    {
        if (!TensorMemory.AllFinite(values))
        {
            var finite = values.isfinite().flatten(1).all(1).to(CPU); // [B]
            for (var i = 0; i < _failures.Length; i++)
                if (!finite[i].item<bool>())
                    _failures[i] ??= new SampleFailure(i, request.Noise.NameOf(i), _lastSigma);
        }
        if (_failures.All(f => f is null))
            return values;
        var failed = tensor(Array.ConvertAll(_failures, f => f is not null), device: values.device).reshape(-1, 1, 1, 1);
        return values.masked_fill(failed, replacement);
    }
}
