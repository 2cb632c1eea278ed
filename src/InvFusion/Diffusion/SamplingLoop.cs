using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>One step of a sampler: from x at σ to the next noise level. Temporaries are released when it returns.</summary>
internal delegate Tensor StepFunction(SamplingRun run, Tensor x, double sigma, double next);

/// <summary>The walk down the noise levels that the samplers share; memory stays flat however many steps it has.</summary>
internal static class SamplingLoop
{
    /// <summary>Starts with σ_max·n, or with what <paramref name="start"/> makes of it, and takes every step without autograd.</summary>
    public static SamplingResult Walk(StepOptions options, SamplingRun run, StepFunction step, Func<Tensor, double, Tensor>? start = null)
    {
        using var turn = TorchTurn.Take(run.Cancellation);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        using var pause = CollectionPause.Begin();
        var sigmas = options.Sigmas();
        var x = run.Normal().mul_(sigmas[0]);
        if (start is not null)
            x = start(x, sigmas[0]);
        for (var i = 0; i < options.Steps && !run.AllFailed; i++)
        {
            CollectionPause.Renew();
            run.Step = i + 1;
            var next = Step(options, run, step, x, sigmas[i], sigmas[i + 1]);
            x.Dispose();
            x = next;
        }
        var result = run.Finish(x);
        result.Images.MoveToOuterDisposeScope();
        return result;
    }

    private static Tensor Step(StepOptions options, SamplingRun run, StepFunction step, Tensor x, double sigma, double next)
    {
        using var scope = NewDisposeScope();
        var (hat, sigmaHat) = options.AddNoise(run, x, sigma);
        return step(run, hat, sigmaHat, next).MoveToOuterDisposeScope();
    }
}
