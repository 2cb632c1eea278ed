using InvFusion.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

/// <summary>Comparisons relative to the size of what is expected.</summary>
internal static class Close
{
    public static void To(Tensor expected, Tensor actual, double tolerance, string what = "")
    {
        using var scope = NewDisposeScope();
        Assert.True(
            expected.shape.SequenceEqual(actual.shape),
            $"{what}: shape [{string.Join(",", actual.shape)}], expected [{string.Join(",", expected.shape)}]"
        );
        var (e, a) = (expected.detach().to_type(ScalarType.Float64), actual.detach().to_type(ScalarType.Float64));
        var error = (e - a).norm().item<double>() / Math.Max(e.norm().item<double>(), 1e-12);
        Assert.True(error <= tolerance, $"{what}: relative error {error:g3}, tolerance {tolerance:g3}");
    }

    /// <summary>Standard normals that depend on the seed alone.</summary>
    public static Tensor Normals(ulong seed, params long[] shape)
    {
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        new RandomStream(seed).FillNormal(values);
        return tensor(values).reshape(shape);
    }
}
