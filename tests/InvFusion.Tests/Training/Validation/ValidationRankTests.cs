using InvFusion.Models;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Distributed;
using InvFusion.Tests.Models;
using InvFusion.Tests.Runtime;
using InvFusion.Training;
using InvFusion.Training.Validation;
using Xunit;

namespace InvFusion.Tests.Training.Validation;

/// <summary>A validation by several ranks. What a network caches is made on their threads, so that its tensors cannot be counted.</summary>
[Collection(TorchTests.Collection)]
public sealed class ValidationRankTests
{
    [Fact]
    public void Ranks_share_the_images_and_all_get_the_values_of_one()
    {
        using var oneThread = new TorchThreads(1);
        using var images = new GeneratedSet();
        var plan = ValidationLossTests.Plan with { Batch = 2 }; // three batches: one rank has one less
        using var network = TestNetworks.Create(TestNetworks.Configuration);
        var alone = new ValidationLoss(images, plan).Measure(network, LossKind.Edm)!;
        var all = new ValidationValues[2];
        PreconditionedNetwork[] networks =
        [
            TestNetworks.Create(TestNetworks.Configuration),
            TestNetworks.Create(TestNetworks.Configuration),
        ];
        ThreadedRanks.Run(
            2,
            ranks => all[ranks.Rank] = new ValidationLoss(images, plan).Measure(networks[ranks.Rank], LossKind.Edm, ranks)!
        );
        ValidationLossTests.AssertSame(alone, all[0]);
        ValidationLossTests.AssertSame(alone, all[1]);
        ThreadedRanks.Run( // one is asked to stop: none waits for the other
            2,
            ranks => Assert.Null(new ValidationLoss(images, plan).Measure(networks[ranks.Rank], LossKind.Edm, ranks, () => ranks.Rank == 1))
        );
        foreach (var used in networks)
            used.Dispose();
    }
}
