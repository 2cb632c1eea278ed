using InvFusion.Testing;
using InvFusion.Tests.Diffusion;
using InvFusion.Verification;
using Xunit;

namespace InvFusion.Tests.Verification;

/// <summary>Every vector is met.</summary>
[Collection(TorchTests.Collection)]
public sealed class GoldenTests
{
    public static TheoryData<string> Names => [.. GoldenVerifier.CaseNames(Goldens.Folder)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_case_agrees_with_the_public_implementation(string name)
    {
        TestContext.Current.TestOutputHelper?.WriteLine($"vectors: {VectorSet.Name}");
        var results = GoldenVerifier.RunCase(Goldens.Folder, name, cancellation: TestContext.Current.CancellationToken);
        Assert.NotEmpty(results);
        foreach (var result in results)
        {
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{result.Status} {result.Case}: {result.WorstRelativeError:E2} (allowed {result.Tolerance:E1}) at {result.WorstTensor}, {result.Compared} compared {result.Message}"
            );
            Assert.Equal((result.Case, CaseStatus.Passed), (result.Case, result.Status));
            Assert.True(result.Compared > 0);
            Assert.Empty(result.Message); // not even that a tensor went unused
        }
    }
}
