using InvFusion.Degradations;
using InvFusion.Modules;
using InvFusion.Ops.Kernels;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Ops;

/// <summary>Feature degradation in training, one node of the graph, against the plain form and against differences.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public class FeatureFunctionTests
{
    // Degradation, image, patch, features, and whether one operator serves all samples.
    public static TheoryData<string, int, int, int, int, int, bool> Cases =>
        new()
        {
            { "mask", 3, 6, 10, 2, 8, false },
            { "mask-per-channel", 3, 12, 20, 4, 4, false },
            { "mask", 3, 24, 40, 8, 2, true },
            { "mask", 1, 6, 10, 2, 1, false },
            { "mask-per-channel", 4, 6, 10, 2, 3, true },
            { "mask", 1, 3, 5, 1, 33, false },
            { "motion:stride=1", 3, 8, 8, 2, 8, false },
            { "motion:stride=2", 3, 16, 16, 2, 32, false },
            { "motion:stride=2", 3, 16, 32, 4, 16, true },
            { "motion:stride=4", 1, 16, 8, 2, 7, false },
            { "motion:stride=8", 2, 8, 8, 1, 3, true },
            { "box", 3, 16, 16, 4, 2, true },
            { "matrix:32", 3, 32, 32, 2, 8, false },
            { "matrix:33", 1, 8, 32, 4, 9, true },
            { "matrix:7", 4, 8, 64, 2, 5, false },
            { "several", 3, 32, 32, 4, 4, false },
        };

    [Theory, MemberData(nameof(Cases))]
    public void Outputs_and_gradients_are_those_of_the_plain_form(
        string degradation,
        int channels,
        int height,
        int width,
        int patch,
        int features,
        bool shared
    )
    {
        using var scope = NewDisposeScope();
        using var world = new World(degradation, new(channels, height, width), patch, features, shared);
        Assert.SkipUnless(
            world.Operator.FusesBack(world.Operator.Image, ScalarType.Float32) || world.Operator is not (MatrixOperator or BatchOperator),
            "the processor has no AVX-512"
        );
        Assert.True(world.Operator.FusesBack(world.Operator.Image, ScalarType.Float32));
        var fused = world.Run(FusedKernel.All);
        var plain = world.Run(FusedKernel.None);
        foreach (var (expected, actual) in plain.Zip(fused))
            TensorAssert.Close(expected / expected.abs().max(), actual / expected.abs().max(), 1e-5);
        TensorAssert.Differs(plain[0], fused[0], 0); // or it was not the kernel
    }

    [Theory, InlineData("mask-per-channel", 6, 10), InlineData("motion:stride=2", 8, 8), InlineData("matrix:20", 4, 32)]
    public void Gradients_are_those_of_central_differences(string degradation, int height, int width)
    {
        using var scope = NewDisposeScope();
        using var world = new World(degradation, new(3, height, width), patch: 2, features: 5, shared: false);
        TensorAssert.Gradient(
            x => world.Layer.Forward(x.to_type(ScalarType.Float32), world.Operator, world.Measurements, ScalarType.Float32),
            world.Tokens.to_type(ScalarType.Float64),
            step: 1e-2,
            tolerance: 1e-3
        );
    }

    [Fact]
    public void Products_of_bfloat16_give_nearly_the_same()
    {
        using var scope = NewDisposeScope();
        using var world = new World("matrix:40", new(3, 32, 32), patch: 2, features: 8, shared: false);
        Assert.SkipUnless(
            world.Operator.FusesBack(world.Operator.Image, ScalarType.BFloat16),
            "the processor has no bfloat16 in its AVX-512"
        );
        var fused = world.Run(FusedKernel.All, ScalarType.BFloat16);
        var plain = world.Run(FusedKernel.None);
        foreach (var (expected, actual) in plain.Zip(fused))
            TensorAssert.Close(expected / expected.abs().max(), actual / expected.abs().max(), 2e-2);
    }

    [Theory, InlineData("mask"), InlineData("motion:stride=2"), InlineData("matrix:20")]
    public void Threads_do_not_change_the_result(string degradation)
    {
        using var scope = NewDisposeScope();
        using var world = new World(degradation, new(3, 32, 32), patch: 2, features: 8, shared: false);
        var one = TorchThreads.Run(1, () => world.Run(FusedKernel.All));
        var two = TorchThreads.Run(2, () => world.Run(FusedKernel.All));
        for (var i = 0; i < one.Length; i++)
            TensorAssert.SameBits(one[i], two[i], $"number {i}");
    }

    [Theory, InlineData("mask"), InlineData("motion:stride=2"), InlineData("matrix:20")]
    public void Steps_leave_no_tensors_behind(string degradation)
    {
        using var scope = NewDisposeScope();
        using var world = new World(degradation, new(3, 32, 32), patch: 2, features: 8, shared: false);
        void Step()
        {
            using var inner = NewDisposeScope();
            world.Run(FusedKernel.All);
        }
        Step();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 20; i++)
            Step();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Features_of_another_shape_are_left_to_the_plain_form()
    {
        using var world = new World("mask", new(3, 8, 8), patch: 2, features: 8, shared: false);
        Assert.True(world.Operator.FusesBack(world.Operator.Image, ScalarType.Float32));
        Assert.False(world.Operator.FusesBack(world.Operator.Image with { Channels = 1 }, ScalarType.Float32));
    }

    private sealed class World : IDisposable
    {
        private const int Samples = 3;
        private readonly DisposeScope _scope = NewDisposeScope();

        public World(string degradation, ImageShape image, int patch, int features, bool shared)
        {
            manual_seed(4);
            var operators = shared ? 1 : Samples;
            Operator = degradation switch
            {
                "mask" => new MaskOperator(image, rand([operators, 1, image.Height, image.Width]).gt(0.4)),
                "mask-per-channel" => new MaskOperator(image, rand([operators, image.Channels, image.Height, image.Width]).gt(0.4)),
                _ when degradation.StartsWith("matrix:", StringComparison.Ordinal) => new MatrixOperator(
                    image,
                    randn([operators, int.Parse(degradation[7..]), image.Length]) / Math.Sqrt(image.Length)
                ),
                "several" => new BatchOperator([
                    .. ((string[])["motion:stride=2", "patches", "random-matrix:rows=40"]).Select(text =>
                        (DegradationSpec.Parse(text).Build(image, 1, seed: 6), 1)
                    ),
                ]),
                _ => DegradationSpec.Parse(degradation).Build(image, operators, seed: 5),
            };
            var width = patch * patch * features * image.Channels;
            Layer = new(width, patch, image.Channels);
            Tokens = randn([Samples, image.Height / patch, image.Width / patch, width]);
            Measurements = Operator.Apply(randn([Samples, 1, image.Channels, image.Height, image.Width]));
        }

        public LinearOperator Operator { get; }

        public FeatureDegradation Layer { get; }

        public Tensor Tokens { get; }

        public Tensor Measurements { get; }

        // The output, and the gradients of a weighted sum of it with respect to tokens and weights.
        public Tensor[] Run(FusedKernel kernels, ScalarType type = ScalarType.Float32)
        {
            using var generator = new Generator(9);
            FusedKernels.Enabled = kernels;
            try
            {
                var leaf = Tokens.clone().requires_grad_(true);
                var output = Layer.Forward(leaf, Operator, Measurements, type);
                var weights = Layer.parameters().ToArray();
                (output * randn(output.shape, generator: generator)).sum().backward();
                Tensor[] results = [output.detach(), leaf.grad!, .. weights.Select(weight => weight.grad!.clone())];
                foreach (var weight in weights)
                    weight.grad!.zero_();
                return results;
            }
            finally
            {
                FusedKernels.Enabled = FusedKernel.All;
            }
        }

        public void Dispose()
        {
            Layer.Dispose();
            Operator.Dispose();
            _scope.Dispose();
        }
    }
}
