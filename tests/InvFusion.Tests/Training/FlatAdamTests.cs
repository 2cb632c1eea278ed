using InvFusion.Modules;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using InvFusion.Training;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Training;

[Collection(TorchTests.Collection), NoTensorLeaks]
public class FlatAdamTests
{
    // Shorter than a vector, odd, around a block of 65536, and several blocks.
    [Theory, InlineData(1), InlineData(7), InlineData(33), InlineData(65535), InlineData(65537), InlineData(200_003)]
    public void The_fused_form_gives_what_the_plain_form_gives(int length)
    {
        using var scope = NewDisposeScope();
        using Pair fused = new(length),
            plain = new(length);
        for (var step = 0; step < 5; step++)
        {
            using var gradients = randn(length);
            fused.Parameters.Gradients.copy_(gradients);
            plain.Parameters.Gradients.copy_(gradients);
            Assert.Equal(0, fused.Adam.Step(0.01 * (step + 1), 0.9));
            Assert.Equal(0, plain.Adam.StepPlain(0.01 * (step + 1), 0.9));
        }
        AssertClose(plain, fused);
        Assert.Equal(5, fused.Adam.Steps);
        Assert.Equal(0, fused.Parameters.Gradients.abs().max().item<float>());
    }

    [Fact]
    public void Steps_follow_the_formula_of_Adam()
    {
        using var scope = NewDisposeScope();
        using var pair = new Pair(3);
        double p = pair.Parameters.Values[1].item<float>(),
            average = p,
            m = 0,
            v = 0;
        foreach (var (t, g) in ((double[])[0.5, -2, 0.25]).Index())
        {
            pair.Parameters.Gradients[1] = tensor((float)g);
            pair.Adam.Step(0.1, 0.75);
            (m, v) = (0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g);
            p -= 0.1 * (m / (1 - Math.Pow(0.9, t + 1))) / (Math.Sqrt(v / (1 - Math.Pow(0.99, t + 1))) + 1e-8);
            average = 0.75 * average + 0.25 * p;
        }
        Assert.Equal(p, pair.Parameters.Values[1].item<float>(), 1e-6);
        Assert.Equal(average, pair.Adam.Average[1].item<float>(), 1e-6);
    }

    // The states of runs that were made before there was a choice of optimizers hold these bits.
    [Theory, InlineData(7), InlineData(65537)]
    public void Steps_have_the_bits_of_the_formula_in_float32(int length)
    {
        using var scope = NewDisposeScope();
        using var pair = new Pair(length);
        var p = TensorAssert.Values(pair.Parameters.Values);
        float[] a = [.. p],
            m = new float[length],
            v = new float[length];
        for (var t = 1; t <= 4; t++)
        {
            var gradients = randn(length);
            var g = TensorAssert.Values(gradients);
            pair.Parameters.Gradients.copy_(gradients);
            pair.Adam.Step(0.01, 0.9);
            float rate = (float)(0.01 / (1 - Math.Pow(0.9, t))),
                root = (float)(1 / Math.Sqrt(1 - Math.Pow(0.99, t)));
            for (var i = 0; i < length; i++)
            {
                m[i] = 0.9f * m[i] + (float)(1 - 0.9) * g[i];
                v[i] = 0.99f * v[i] + (float)(1 - 0.99) * g[i] * g[i];
                p[i] -= rate * m[i] / (MathF.Sqrt(v[i]) * root + 1e-8f);
                a[i] += (float)(1 - 0.9) * (p[i] - a[i]);
            }
        }
        Assert.Equal(p, TensorAssert.Values(pair.Parameters.Values));
        Assert.Equal(a, TensorAssert.Values(pair.Adam.Average));
        Assert.Equal(m, TensorAssert.Values(pair.Adam.FirstMoment));
        Assert.Equal(v, TensorAssert.Values(pair.Adam.SecondMoment));
    }

    [Theory, InlineData(21, 0, 20), InlineData(21, 3, 17), InlineData(65539, 65538, 9), InlineData(8, 0, 7)]
    public void Gradients_that_are_no_numbers_are_counted_and_count_as_zero(int length, params int[] bad)
    {
        using var scope = NewDisposeScope();
        using Pair fused = new(length),
            plain = new(length),
            clean = new(length);
        using var gradients = randn(length);
        foreach (var (i, at) in bad.Index())
            gradients[at] = tensor(i % 2 == 0 ? float.NaN : float.NegativeInfinity);
        fused.Parameters.Gradients.copy_(gradients);
        plain.Parameters.Gradients.copy_(gradients);
        clean.Parameters.Gradients.copy_(gradients.nan_to_num(0, 0, 0));
        Assert.Equal(bad.Length, fused.Adam.Step(0.1, 0.5));
        Assert.Equal(bad.Length, plain.Adam.StepPlain(0.1, 0.5));
        Assert.Equal(0, clean.Adam.Step(0.1, 0.5));
        AssertClose(plain, fused);
        TensorAssert.SameBits(clean.Parameters.Values, fused.Parameters.Values, "weights");
        Assert.True(fused.Adam.Average.isfinite().all().item<bool>());
    }

    [Fact]
    public void Result_does_not_depend_on_the_number_of_threads()
    {
        using var scope = NewDisposeScope();
        using Pair one = new(150_001),
            two = new(150_001);
        using var gradients = randn(150_001);
        one.Parameters.Gradients.copy_(gradients);
        two.Parameters.Gradients.copy_(gradients);
        using (new TorchThreads(1))
            one.Adam.Step(0.1, 0.5);
        two.Adam.Step(0.1, 0.5);
        TensorAssert.SameBits(one.Parameters.Values, two.Parameters.Values, "weights");
        TensorAssert.SameBits(one.Adam.Average, two.Adam.Average, "average");
    }

    [Fact]
    public void Parameters_and_gradients_of_a_module_are_live_views()
    {
        using var scope = NewDisposeScope();
        using var module = new Linear(3, 5, bias: true);
        var before = module.named_parameters().ToDictionary(p => p.name, p => TensorAssert.Values(p.parameter));
        using var flat = new FlatParameters(module);
        Assert.Equal(5 * 3 + 5, flat.Values.NumberOfElements);
        foreach (var (name, view) in flat.Named(flat.Values))
            Assert.Equal(before[name], TensorAssert.Values(view));
        using (no_grad())
            flat.Values.fill_(0.5);
        Assert.All(module.parameters(), p => Assert.All(TensorAssert.Values(p), value => Assert.Equal(0.5f, value)));

        var x = randn(4, 3);
        for (var pass = 1; pass <= 2; pass++) // gradients add up in the flat tensor
        {
            module.call(x).sum().backward();
            var views = flat.Named(flat.Gradients).ToDictionary();
            TensorAssert.Close(pass * x.sum([0]).expand(5, 3), views["weight"], 1e-5);
            TensorAssert.Close(full([5], pass * 4.0), views["bias"], 1e-5);
        }
    }

    private static void AssertClose(Pair expected, Pair actual)
    {
        TensorAssert.Close(expected.Parameters.Values, actual.Parameters.Values, 1e-6);
        TensorAssert.Close(expected.Adam.FirstMoment, actual.Adam.FirstMoment, 1e-6);
        TensorAssert.Close(expected.Adam.SecondMoment, actual.Adam.SecondMoment, 1e-6);
        TensorAssert.Close(expected.Adam.Average, actual.Adam.Average, 1e-6);
    }

    /// <summary>One vector as the parameters of a module, and its optimizer; every pair of a length starts equal.</summary>
    private sealed class Pair : IDisposable
    {
        private readonly Linear _module;

        public Pair(int length)
        {
            manual_seed(length);
            _module = new(length, 1);
            Parameters = new(_module);
            Adam = new(Parameters);
        }

        public FlatParameters Parameters { get; }
        public FlatAdam Adam { get; }

        public void Dispose()
        {
            Adam.Dispose();
            Parameters.Dispose();
            _module.Dispose();
        }
    }
}
