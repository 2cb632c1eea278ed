using InvFusion.Testing;
using InvFusion.Tests.Diffusion;
using InvFusion.Verification;
using Xunit;

namespace InvFusion.Tests.Verification;

/// <summary>Every vector is either met or named here as not covered.</summary>
[Collection(TorchTests.Collection)]
public sealed class GoldenTests
{
    /// <summary>Cases and parts of cases that this version has nothing to compare with; all others must pass.</summary>
    private static readonly string[] NotCovered = [];

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
            var covered = !NotCovered.Any(prefix => result.Case.StartsWith(prefix, StringComparison.Ordinal));
            Assert.Equal((result.Case, covered ? CaseStatus.Passed : CaseStatus.NotCovered), (result.Case, result.Status));
            Assert.Equal(covered, result.Compared > 0);
            // A covered case has nothing to say, not even that a tensor went unused; one that is not covered says why.
            Assert.Equal(covered, result.Message.Length == 0);
        }
    }
}
