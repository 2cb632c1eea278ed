using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Verification;

/// <summary>
/// Runs this implementation on vectors of another one. Every folder with a <c>case.json</c> is a case; each gets a result, so that nothing is passed over.
/// </summary>
public static class GoldenVerifier
{
    private const string DescriptionFile = "case.json";

    /// <summary>Names of all cases in a folder, in order: their folders relative to it, with slashes.</summary>
    /// <exception cref="DataFormatException">The folder does not exist or holds no case.</exception>
    public static IReadOnlyList<string> CaseNames(string folder)
    {
        if (!Directory.Exists(folder))
            throw new DataFormatException($"there is no folder {folder}: give the folder that holds the vectors");
        var names = Directory
            .EnumerateFiles(folder, DescriptionFile, SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(folder, Path.GetDirectoryName(path)!).Replace('\\', '/'))
            .Order(StringComparer.Ordinal)
            .ToArray();
        return names.Length > 0
            ? names
            : throw new DataFormatException($"{folder} holds no vectors: no {DescriptionFile} in it or below it");
    }

    /// <summary>Runs cases, one at a time.</summary>
    /// <param name="folder">The folder that holds the vectors.</param>
    /// <param name="filter">Part of a name, or a pattern with <c>*</c>; null runs all.</param>
    /// <param name="progress">Told every result at once.</param>
    /// <param name="device">Where networks are evaluated, or null for the CPU; kinds of cases that know the CPU alone are then not covered.</param>
    /// <param name="cancellation">Looked at between cases and inside long ones.</param>
    /// <returns>The results as they come: at least one per case.</returns>
    /// <exception cref="DataFormatException">The folder holds no case, or none matches the filter.</exception>
    public static IEnumerable<CaseResult> Run(
        string folder,
        string? filter = null,
        IProgress<CaseResult>? progress = null,
        Device? device = null,
        CancellationToken cancellation = default
    )
    {
        var pattern = filter is null || filter.Contains('*') ? filter ?? "*" : $"*{filter}*";
        var names = CaseNames(folder).Where(name => CaseKind.Matches(pattern, name)).ToArray();
        if (names.Length == 0)
            throw new DataFormatException($"no case in {folder} matches '{filter}'");
        return names.SelectMany(name => RunCase(folder, name, progress, device, cancellation));
    }

    /// <summary>Runs one case by its name: the result of the case, then one for each part that is not covered.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static IReadOnlyList<CaseResult> RunCase(
        string folder,
        string name,
        IProgress<CaseResult>? progress = null,
        Device? device = null,
        CancellationToken cancellation = default
    )
    {
        cancellation.ThrowIfCancellationRequested();
        var results = Verify(folder, name, device ?? CPU, cancellation);
        foreach (var result in results)
            progress?.Report(result);
        return results;
    }

    private const long BytesOfACase = 256 << 20;

    private static IReadOnlyList<CaseResult> Verify(string folder, string name, Device device, CancellationToken cancellation)
    {
        if (CaseKinds.Find(name) is not { } kind)
            return [CaseResult.WithoutNumbers(name, CaseStatus.NotCovered, "no verifier knows this kind of case")];
        if (device.type != TorchSharp.DeviceType.CPU && !kind.OnAnyDevice)
            return [CaseResult.WithoutNumbers(name, CaseStatus.NotCovered, "this kind of case is compared on the CPU alone")];
        try
        {
            using var scope = NewDisposeScope();
            using var pause = CollectionPause.Begin(BytesOfACase);
            using var gradients = enable_grad(); // whatever mode the caller or the case before has left
            var golden = GoldenCase.Open(Path.Combine(folder, name), name, device);
            var comparison = new Comparison(CaseKinds.Tolerance);
            kind.Verify(golden, comparison, cancellation);
            var unread = golden.Unread.ToArray();
            return [.. comparison.Results(name, unread.Length == 0 ? "" : $"not used: {string.Join(", ", unread)}")];
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return [CaseResult.WithoutNumbers(name, CaseStatus.Error, FirstLine(e.Message))];
        }
    }

    // Native errors carry a stack behind their first line.
    private static string FirstLine(string message) => message.ReplaceLineEndings("\n").Split('\n')[0];
}
