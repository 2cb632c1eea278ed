using InvFusion.Degradations;
using InvFusion.Modules;
using InvFusion.Ops.Kernels;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Ops;

/// <summary>Feature degradation by a mask in training, one node of the graph, against the plain form and against differences.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public class FeatureFunctionTests
{
    // Channels, patch, features, samples that share nothing or one mask, and channels of a mask.
    public static TheoryData<int, int, int, bool, bool> Cases =>
        new()
        {
            { 3, 2, 8, false, false },
            { 3, 4, 4, false, true },
            { 3, 8, 2, true, false },
            { 1, 2, 1, false, false },
            { 4, 2, 3, true, true },
            { 1, 1, 33, false, false },
        };

    [Theory, MemberData(nameof(Cases))]
    public void Outputs_and_gradients_are_those_of_the_plain_form(int channels, int patch, int features, bool shared, bool perChannel)
    {
        using var scope = NewDisposeScope();
        using var world = new World(channels, patch, features, shared, perChannel);
        var fused = world.Run(FusedKernel.All);
        var plain = world.Run(FusedKernel.None);
        foreach (var (expected, actual) in plain.Zip(fused))
            TensorAssert.Close(expected, actual, 5e-6);
    }

    [Fact]
    public void Gradients_are_those_of_central_differences()
    {
        using var scope = NewDisposeScope();
        using var world = new World(3, 2, 5, shared: false, perChannel: true);
        TensorAssert.Gradient(
            x => world.Layer.Forward(x.to_type(ScalarType.Float32), world.Operator, world.Measurements, ScalarType.Float32),
            world.Tokens.to_type(ScalarType.Float64),
            step: 1e-2,
            tolerance: 1e-3
        );
    }

    [Fact]
    public void Threads_do_not_change_the_result()
    {
        using var scope = NewDisposeScope();
        using var world = new World(3, 2, 8, shared: false, perChannel: false);
        var before = get_num_threads();
        try
        {
            set_num_threads(1);
            var one = world.Run(FusedKernel.All);
            set_num_threads(2);
            var two = world.Run(FusedKernel.All);
            for (var i = 0; i < one.Length; i++)
                TensorAssert.SameBits(one[i], two[i], $"number {i}");
        }
        finally
        {
            set_num_threads(before);
        }
    }

    [Fact]
    public void Steps_leave_no_tensors_behind()
    {
        using var scope = NewDisposeScope();
        using var world = new World(3, 2, 8, shared: false, perChannel: false);
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
        using var world = new World(3, 2, 8, shared: false, perChannel: false);
        Assert.True(world.Operator.FusesBack(world.Operator.Image));
        Assert.False(world.Operator.FusesBack(world.Operator.Image with { Channels = 1 }));
    }

    private sealed class World : IDisposable
    {
        private const int Samples = 3;
        private const int Rows = 3;
        private const int Columns = 5;
        private readonly DisposeScope _scope = NewDisposeScope();

        public World(int channels, int patch, int features, bool shared, bool perChannel)
        {
            manual_seed(4);
            var image = new ImageShape(channels, Rows * patch, Columns * patch);
            Operator = new(image, rand([shared ? 1 : Samples, perChannel ? channels : 1, image.Height, image.Width]).gt(0.4));
            Layer = new(patch * patch * features * channels, patch, channels);
            Tokens = randn([Samples, Rows, Columns, patch * patch * features * channels]);
            Measurements = Operator.Apply(randn([Samples, 1, channels, image.Height, image.Width]));
        }

        public MaskOperator Operator { get; }

        public FeatureDegradation Layer { get; }

        public Tensor Tokens { get; }

        public Tensor Measurements { get; }

        // The output, and the gradients of a weighted sum of it with respect to tokens and weights.
        public Tensor[] Run(FusedKernel kernels)
        {
            using var generator = new Generator(9);
            FusedKernels.Enabled = kernels;
            try
            {
                var leaf = Tokens.clone().requires_grad_(true);
                var output = Layer.Forward(leaf, Operator, Measurements, ScalarType.Float32);
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
