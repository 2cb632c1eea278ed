using InvFusion.Degradations;
using InvFusion.Modules;
using InvFusion.Ops.Kernels;
using InvFusion.Restoration;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

[Collection(TorchTests.Collection), NoTensorLeaks]
public class FusedBlurTests
{
    public static TheoryData<string, int, int, int, int, int, int, int> Cases =>
        new()
        {
            // degradation, C, H, W, P, m, operators, samples
            { "motion:stride=1", 3, 8, 8, 2, 8, 3, 3 },
            { "motion:stride=2", 3, 16, 16, 2, 32, 3, 3 },
            { "motion:stride=2", 3, 16, 16, 4, 16, 1, 3 },
            { "motion:stride=2", 3, 32, 32, 8, 8, 1, 1 },
            { "motion:stride=4", 3, 16, 16, 4, 5, 3, 3 },
            { "motion:stride=4", 1, 16, 8, 2, 7, 3, 3 },
            { "motion:stride=2", 1, 8, 32, 8, 48, 1, 3 },
            { "motion:stride=8", 1, 8, 8, 1, 1, 1, 1 },
            { "motion:stride=2", 2, 64, 64, 8, 3, 1, 1 },
            { "motion:stride=2", 1, 8, 256, 8, 4, 1, 1 },
            { "motion:stride=4", 4, 128, 64, 2, 6, 1, 1 },
        };

    [Theory, MemberData(nameof(Cases))]
    public void At_once_is_step_by_step(string spec, int c, int h, int w, int patch, int features, int operators, int samples)
    {
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse(spec).Build(new(c, h, w), operators, seed: 11);
        using var mix = FusionDraws.Mix(features);
        FusionDraws.Compare(op, mix, patch, samples);
    }

    [Theory, InlineData(1), InlineData(2)]
    public void The_number_of_threads_does_not_matter(int threads)
    {
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse("motion:stride=2").Build(new(3, 16, 16), 5, seed: 3);
        using var mix = FusionDraws.Mix(16);
        using var inUse = new TorchThreads(threads);
        FusionDraws.Compare(op, mix, patch: 4, samples: 5);
    }

    [Fact]
    public void Lost_frequencies_stay_lost()
    {
        using var scope = NewDisposeScope();
        // A box of eight blurs whole rows and columns of the spectrum to nothing.
        using var op = new FourierOperator(new(3, 16, 16), ones(1, 1, 8, 8) / 64, stride: 1);
        Assert.True(op.Energy.eq(0).any().item<bool>());
        using var mix = FusionDraws.Mix(8);
        FusionDraws.Compare(op, mix, patch: 2, samples: 2);
    }

    [Fact]
    public void Random_kernels_fuse_too()
    {
        using var scope = NewDisposeScope();
        using var op = new FourierOperator(new(3, 16, 32), Close.Normals(5, 2, 1, 6, 5), stride: 2);
        using var mix = FusionDraws.Mix(11);
        FusionDraws.Compare(op, mix, patch: 2, samples: 2);
    }

    [Fact]
    public void What_the_kernel_cannot_do_is_refused_and_nothing_written()
    {
        using var scope = NewDisposeScope();
        using var mix = FusionDraws.Mix(4);
        using var odd = DegradationSpec.Parse("motion:stride=2").Build(new(3, 12, 12), 1, seed: 1);
        using var mixed = new FourierOperator(new(3, 8, 8), Close.Normals(1, 1, 3, 4, 4), stride: 2, mixColor: true);
        using var perChannel = new FourierOperator(new(3, 8, 8), Close.Normals(2, 1, 3, 4, 4), stride: 2);
        foreach (var op in (LinearOperator[])[odd, mixed, perChannel])
        {
            var fusion = FusionDraws.Draw(op, mix, patch: 2, samples: 2);
            Assert.False(op.Fuse(fusion));
            Assert.True(fusion.Output.isnan().all().item<bool>());
        }
    }

    [Fact]
    public void A_batch_of_several_kinds_fuses_part_by_part()
    {
        using var scope = NewDisposeScope();
        var image = new ImageShape(3, 16, 16);
        using var op = new BatchOperator(
            (DegradationSpec.Parse("motion:stride=4").Build(image, 2, seed: 1), 2),
            (DegradationSpec.Parse("sr:4").Build(image, 1, seed: 2), 1),
            (DegradationSpec.Parse("motion:stride=2").Build(image, 1, seed: 3), 2)
        );
        using var mix = FusionDraws.Mix(6);
        FusionDraws.Compare(op, mix, patch: 2, samples: 5);
    }

    [Theory, InlineData("motion:stride=2"), InlineData("compressed:keep=0.5")]
    public void Calls_are_counted_in_either_way(string spec)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var op = DegradationSpec.Parse(spec).Build(new(3, 8, 8), 1, seed: 1);
        using var layer = new FeatureDegradation(width: 4 * 5 * 3, patch: 2, channels: 3);
        using var counting = new CountingOperator(op);
        layer.Forward(Close.Normals(1, 3, 4, 4, 60), counting, Close.Normals(2, 3, 1, op.MeasurementLength), ScalarType.Float32);
        Assert.Equal((15L, 15L), (counting.ForwardCalls, counting.InverseCalls));
    }

    [Fact]
    public void The_layer_takes_the_kernel_with_a_graph_and_without_where_it_is_on()
    {
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse("motion:stride=2").Build(new(3, 16, 16), 2, seed: 1);
        manual_seed(5);
        using var layer = new FeatureDegradation(width: 4 * 8 * 3, patch: 2, channels: 3);
        var (x, y) = (Close.Normals(1, 2, 8, 8, 96), Close.Normals(2, 2, 1, op.MeasurementLength) * 10);
        Tensor Without()
        {
            using var noGrad = no_grad();
            return layer.Forward(x, op, y, ScalarType.Float32);
        }
        var fused = Without();
        var graph = layer.Forward(x, op, y, ScalarType.Float32);
        Assert.True(graph.requires_grad);
        FusedKernels.Enabled = FusedKernel.None;
        try
        {
            var plain = Without();
            Close.To(plain, fused, 1e-6, "fused");
            TensorAssert.Differs(plain, fused, 0); // or it was not the kernel
        }
        finally
        {
            FusedKernels.Enabled = FusedKernel.All;
        }
        TensorAssert.SameBits(graph.detach(), fused, "with a graph");
    }
}
