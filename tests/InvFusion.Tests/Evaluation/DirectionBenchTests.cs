using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Evaluation;
using InvFusion.Models;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Models;
using InvFusion.Tests.Runtime;
using InvFusion.Tests.Training;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Evaluation;

/// <summary>Shares of the error, against the estimator's own numbers and a singular value decomposition of the errors.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public sealed class DirectionBenchTests
{
    private const int Images = 4;
    private const int Others = 7;
    private const int Directions = 2;
    private const int Length = 3 * 16 * 16;
    private static readonly DegradationSpec Box = DegradationSpec.Parse("box:0,0,8,16");

    [Fact]
    public void The_shares_are_those_of_the_projections_on_each_kind_of_direction()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var network = TestNetworks.Create(TestNetworks.Configuration with { Directions = Directions });
        using var images = new GeneratedSet(Images);
        using var others = new GeneratedSet(Others);
        var row = new DirectionBench(network, Box, new() { Count = Images, BatchSize = 3 }).Run(images, others, Others);

        var (errors, own) = Restored(network, images, Images, seed: 0);
        var (otherErrors, _) = Restored(network, others, Others, seed: 1UL << 32);
        var (_, _, rows) = linalg.svd(otherErrors, fullMatrices: false);
        var components = rows.narrow(0, 0, Directions).unsqueeze(0).expand(Images, -1, -1);
        using var op = Box.Build(TestNetworks.Shape, batch: 1);
        var hidden = 1 - op.PseudoInverse(op.Apply(ones([1, 1, 3, 16, 16]))).@double(); // 1 where nothing was measured
        var leftOpen = Orthonormal(components * hidden.view(1, 1, -1));
        Assert.Equal((Images, Directions), (row.Images, row.Directions));
        Assert.Equal(Mean(Share(Orthonormal(own), errors)), row.Explained.Mean, 1e-5);
        Assert.Equal(Mean(Share(components, errors)), row.Components.Mean, 1e-5);
        Assert.Equal(Mean(Share(leftOpen, errors)), row.ComponentsLeftOpen.Mean, 1e-5);
        // A random direction explains, on average, one part in the number of hidden values of the error there.
        var share = Mean((errors * hidden.view(1, -1)).square().sum([1]) / errors.square().sum([1]));
        Assert.InRange(
            row.Random.Mean,
            0.05 * Directions * share / hidden.sum().item<double>(),
            5 * Directions * share / hidden.sum().item<double>()
        );
        var along = bmm(Orthonormal(own), errors.unsqueeze(-1)).square().sum().item<double>();
        Assert.Equal(Math.Sqrt(own.square().sum().item<double>() / along), row.DeviationRatio, 1e-4);
    }

    [Fact]
    public void What_cannot_be_is_refused_by_name()
    {
        using var scope = NewDisposeScope();
        using var network = TestNetworks.Create(TestNetworks.Configuration with { Directions = Directions });
        using var mean = TestNetworks.Create(TestNetworks.Configuration);
        using var images = new GeneratedSet(Images);
        Refused("directions", () => _ = new DirectionBench(mean, Box, new()));
        var bench = new DirectionBench(network, Box, new() { Count = Images });
        Refused("--num-fit 5", () => bench.Run(images, images, 5));
        Refused("--num-fit 2", () => bench.Run(images, images, 2));
        Refused("--num 5", () => new DirectionBench(network, Box, new() { Count = 5 }).Run(images, images, 4));
    }

    private static void Refused(string words, Action action) =>
        Assert.Contains(words, Assert.Throws<ConfigurationException>(action).Message, StringComparison.Ordinal);

    private static (Tensor Errors, Tensor Directions) Restored(PreconditionedNetwork network, GeneratedSet set, int count, ulong seed)
    {
        var planes = new byte[count * Length];
        for (var i = 0; i < count; i++)
            set.Read(i, planes.AsSpan(i * Length, Length));
        var truth = InvFusion.Data.Pictures.ToTensor(planes, TestNetworks.Shape);
        using var op = Box.Build(TestNetworks.Shape, count);
        using var scope = NewDisposeScope();
        var y = op.Apply(truth.unsqueeze(1));
        var request = new SamplingRequest
        {
            Image = TestNetworks.Shape,
            Noise = new SampleNoise(Enumerable.Range(0, count).Select(i => seed + (ulong)i)),
            Problem = new(op, y, 0),
        };
        var result = new NppcEstimator().Sample(new NetworkDenoiser(network, new(op, y)), request);
        var errors = (truth - result.Images).flatten(1).@double();
        return (errors.MoveToOuterDisposeScope(), result.Directions!.flatten(2).@double().MoveToOuterDisposeScope());
    }

    private static Tensor Orthonormal(Tensor directions) => linalg.qr(directions.transpose(1, 2)).Q.transpose(1, 2);

    private static Tensor Share(Tensor orthonormal, Tensor errors) =>
        bmm(orthonormal, errors.unsqueeze(-1)).square().sum([1, 2]) / errors.square().sum([1]);

    private static double Mean(Tensor values) => values.mean().item<double>();
}
