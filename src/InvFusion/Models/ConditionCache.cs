using InvFusion.Modules;
using InvFusion.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace InvFusion.Models;

/// <summary>
/// The conditioning vector that came last, and the scales of all norms that follow from it, in one product: the second noise level of a step of Heun is the first of
/// the next. For networks on the CPU that are loaded for evaluation; others compute as they go.
/// </summary>
/// <param name="norms">The norms that the vector scales.</param>
internal sealed class ConditionCache(IReadOnlyList<AdaptiveRmsNorm> norms) : IDisposable
{
    private readonly WeightCache _weights = new();
    private double[] _known = [];
    private Tensor? _condition;

    /// <summary>The vector, of the cache where it keeps it; else of the caller's scope.</summary>
    /// <param name="noise">c_noise, <c>[B]</c>.</param>
    /// <param name="conditioning">What else the vector depends on.</param>
    /// <param name="make">Computes it.</param>
    public Tensor Get(Tensor noise, Conditioning conditioning, Func<Tensor> make)
    {
        if (norms[0] is { training: true } or { Weight.requires_grad: true } || noise.requires_grad || noise.device_type != DeviceType.CPU)
            return make();
        var known = Known(noise, conditioning);
        if (_condition is null || !known.AsSpan().SequenceEqual(_known))
        {
            using var noGrad = no_grad();
            using var scope = NewDisposeScope();
            Forget();
            var condition = make();
            var scales = nn.functional.linear(
                condition,
                _weights.Get(norms[0].Weight, condition.dtype, _ => cat([.. norms.Select(n => n.Weight)], 0))
            );
            foreach (var (norm, part) in norms.Zip(scales.add_(1).split([.. norms.Select(n => n.Weight.shape[0])], 1)))
                norm.Keep(condition, part.contiguous().DetachFromDisposeScope());
            (_condition, _known) = (condition.DetachFromDisposeScope(), known);
        }
        return _condition;
    }

    /// <summary>Releases what is kept.</summary>
    public void Dispose()
    {
        Forget();
        _weights.Dispose();
    }

    private void Forget()
    {
        foreach (var norm in norms)
            norm.Forget();
        _condition?.Dispose();
        (_condition, _known) = (null, []);
    }

    // The numbers, not the tensors: a sampler makes those anew at every step. What is missing has a mark of its own.
    private static double[] Known(Tensor noise, Conditioning c)
    {
        var numbers = new List<double>();
        foreach (var tensor in new[] { noise, c.ClassLabels, c.Augmentation, c.NoiseLevel })
        {
            if (tensor is null)
            {
                numbers.Add(double.NaN);
                continue;
            }
            using var doubles = tensor.to_type(ScalarType.Float64);
            numbers.AddRange(TensorMemory.Numbers<double>(doubles));
            numbers.Add(double.PositiveInfinity);
        }
        return [.. numbers];
    }
}
