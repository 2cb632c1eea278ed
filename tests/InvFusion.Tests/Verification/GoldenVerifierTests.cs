using InvFusion.Testing;
using InvFusion.Tests.Diffusion;
using InvFusion.Verification;
using Xunit;

namespace InvFusion.Tests.Verification;

[Collection(TorchTests.Collection)]
public sealed class GoldenVerifierTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("invfusion-golden-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_changed_number_fails_its_case_and_names_the_tensor()
    {
        Copy("blocks/cosine_sim");
        Change("blocks/cosine_sim/q_out.npy");
        var result = Assert.Single(Run());
        Assert.Equal(CaseStatus.Failed, result.Status);
        Assert.Equal("q_out", result.WorstTensor);
        Assert.True(result.WorstRelativeError > result.Tolerance);
        Assert.Contains("q_out", result.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("k_out", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_NaN_in_the_vectors_is_a_failure()
    {
        Copy("blocks/cosine_sim");
        Change("blocks/cosine_sim/k_out.npy", float.NaN);
        var result = Assert.Single(Run());
        Assert.Equal((CaseStatus.Failed, "k_out"), (result.Status, result.WorstTensor));
    }

    [Fact]
    public void A_lost_file_is_an_error_of_that_case_alone()
    {
        Copy("blocks/cosine_sim");
        Copy("blocks/mapping");
        File.Delete(Path.Combine(_folder, "blocks/mapping/weights.safetensors"));
        var results = Run().ToDictionary(r => r.Case);
        Assert.Equal(CaseStatus.Passed, results["blocks/cosine_sim"].Status);
        Assert.Equal(CaseStatus.Error, results["blocks/mapping"].Status);
        Assert.Contains("weights.safetensors", results["blocks/mapping"].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_case_of_an_unknown_kind_is_named_as_not_covered()
    {
        Copy("blocks/cosine_sim", "something_new");
        var result = Assert.Single(Run());
        Assert.Equal(("something_new", CaseStatus.NotCovered), (result.Case, result.Status));
    }

    [Fact]
    public void Every_result_is_reported_while_it_runs_and_a_filter_chooses()
    {
        Copy("blocks/cosine_sim");
        Copy("blocks/mapping");
        var reported = new List<string>();
        var results = Run("*map*", new Reports(r => reported.Add(r.Case))).ToArray();
        Assert.Equal(["blocks/mapping"], results.Select(r => r.Case));
        Assert.Equal(["blocks/mapping"], reported);
        Assert.Equal(2, Run("blocks").Count());
        Assert.Contains("nothing", Assert.Throws<DataFormatException>(() => Run("nothing")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_without_vectors_is_refused()
    {
        Assert.Throws<DataFormatException>(() => Run());
        Assert.Throws<DataFormatException>(() => GoldenVerifier.CaseNames(Path.Combine(_folder, "nowhere")));
    }

    [Fact]
    public void A_cancelled_run_ends()
    {
        Copy("blocks/cosine_sim");
        Assert.Throws<OperationCanceledException>(() =>
            GoldenVerifier.Run(_folder, cancellation: new CancellationToken(canceled: true)).ToArray()
        );
    }

    [Fact]
    public void A_case_leaves_no_tensor_behind()
    {
        foreach (var name in new[] { "blocks/self_attention_joint", "samplers/edm", "net_ffhq64_small/nothing" })
        {
            RunCase(name); // fills caches
            var before = TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount;
            Assert.Equal(CaseStatus.Passed, RunCase(name)[0].Status);
            Assert.Equal(before, TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        }
    }

    private IEnumerable<CaseResult> Run(string? filter = null, IProgress<CaseResult>? progress = null) =>
        GoldenVerifier.Run(_folder, filter, progress, cancellation: TestContext.Current.CancellationToken);

    private static IReadOnlyList<CaseResult> RunCase(string name) =>
        GoldenVerifier.RunCase(Goldens.Folder, name, cancellation: TestContext.Current.CancellationToken);

    private void Copy(string name, string? target = null)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder, target ?? name)).FullName;
        foreach (var file in Directory.GetFiles(Path.Combine(Goldens.Folder, name)))
            File.WriteAllBytes(Path.Combine(folder, Path.GetFileName(file)), File.ReadAllBytes(file));
    }

    // Overwrites the last number of a float32 array.
    private void Change(string file, float value = 1e3f)
    {
        var path = Path.Combine(_folder, file);
        var bytes = File.ReadAllBytes(path);
        BitConverter.TryWriteBytes(bytes.AsSpan(bytes.Length - sizeof(float)), value);
        File.WriteAllBytes(path, bytes);
    }

    private sealed class Reports(Action<CaseResult> action) : IProgress<CaseResult>
    {
        public void Report(CaseResult value) => action(value);
    }
}
