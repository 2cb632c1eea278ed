using InvFusion.Diffusion;
using static TorchSharp.torch;

namespace InvFusion.Tests.Diffusion;

/// <summary>Normals whose mean over the samples is exactly 0 and covariance exactly I, so that a test sees the sampler's error and not the draw's.</summary>
internal sealed class BalancedNoise(int samples) : INoiseSource
{
    private readonly SampleNoise _noise = new(Enumerable.Range(0, samples).Select(i => (ulong)i));

    public int BatchSize => samples;

    public string NameOf(int sample) => _noise.NameOf(sample);

    public Tensor Normal(params ReadOnlySpan<long> shape)
    {
        using var scope = NewDisposeScope();
        var draw = _noise.Normal(shape);
        var rows = draw.flatten(1).to(float64);
        rows = rows - rows.mean([0]);
        var factor = linalg.cholesky(rows.t().mm(rows) / samples); // L Lᵀ = covariance
        var white = linalg.solve(factor, rows.t()).t();
        return white.to(float32).reshape(draw.shape).MoveToOuterDisposeScope();
    }
}
