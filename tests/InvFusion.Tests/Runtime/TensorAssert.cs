using System.Runtime.InteropServices;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Runtime;

/// <summary>Comparisons of tensors.</summary>
internal static class TensorAssert
{
    /// <summary>The same shape, and nowhere further apart than the tolerance times the largest expected magnitude (at least 1).</summary>
    public static void Close(Tensor expected, Tensor actual, double tolerance)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(expected.shape, actual.shape);
        var wide = expected.to_type(ScalarType.Float64);
        var error = (wide - actual.to_type(ScalarType.Float64)).abs().max().item<double>();
        var allowed = tolerance * Math.Max(1, wide.abs().max().item<double>());
        Assert.True(error <= allowed, $"largest difference {error:G3}, allowed {allowed:G3}");
    }

    /// <summary>At least somewhere further apart than the distance: guards comparisons that a network of zeros would pass.</summary>
    public static void Differs(Tensor one, Tensor other, double distance)
    {
        using var scope = NewDisposeScope();
        var difference = (one - other).abs().max().to_type(ScalarType.Float64).item<double>();
        Assert.True(difference > distance, $"largest difference {difference:G3}, expected more than {distance:G3}");
    }

    /// <summary>The same bits.</summary>
    public static void SameBits(Tensor expected, Tensor actual, string name)
    {
        Assert.Equal(expected.shape, actual.shape);
        using Tensor a = expected.contiguous(),
            b = actual.contiguous();
        Assert.True(a.bytes.SequenceEqual(b.bytes), $"'{name}' differs");
    }

    /// <summary>The gradient of Σ w·f(x), for random w, against central differences along random directions of ±1.</summary>
    /// <param name="f">The function; it may compute in float32 inside.</param>
    /// <param name="x">Where, a float64 tensor without gradient.</param>
    /// <param name="step">Step of the differences.</param>
    /// <param name="tolerance">Allowed error, relative to the norm of the gradient.</param>
    public static void Gradient(Func<Tensor, Tensor> f, Tensor x, double step, double tolerance)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(77);
        using var leaf = x.clone().requires_grad_(true);
        var output = f(leaf);
        var w = randn(output.shape, dtype: ScalarType.Float64, generator: generator);
        (output.to_type(ScalarType.Float64) * w).sum().backward();
        var gradient = leaf.grad ?? throw new InvalidOperationException("no gradient came back");
        var norm = gradient.norm().item<double>();
        Assert.True(norm > 1e-3, $"the gradient is {norm:G3}: nothing to compare");
        using var noGrad = no_grad();
        for (var i = 0; i < 6; i++)
        {
            var v = randn(x.shape, dtype: ScalarType.Float64, generator: generator).sign();
            var expected = (Value(x + step * v) - Value(x - step * v)) / (2 * step);
            var error = Math.Abs(expected - (gradient * v).sum().item<double>());
            Assert.True(error <= tolerance * norm, $"direction {i}: error {error:G3}, norm of the gradient {norm:G3}");
        }
        double Value(Tensor at) => (f(at).to_type(ScalarType.Float64) * w).sum().item<double>();
    }

    /// <summary>The numbers of a float32 tensor.</summary>
    public static float[] Values(Tensor tensor)
    {
        using var contiguous = tensor.contiguous();
        return MemoryMarshal.Cast<byte, float>(contiguous.bytes).ToArray();
    }
}
