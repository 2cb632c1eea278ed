using InvFusion.Formats.Safetensors;
using InvFusion.Models;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Training.Averages;

/// <summary>
/// An average of any width after the training (EDM2, section 3.2): the sum of stored averages whose profile is nearest to the wanted one in the least-squares sense.
/// </summary>
public sealed class PosthocAverage
{
    private readonly IReadOnlyList<AverageSnapshot> _snapshots;

    /// <summary>Solves for the wanted profile.</summary>
    /// <param name="snapshots">What is stored.</param>
    /// <param name="wanted">The profile.</param>
    public PosthocAverage(IReadOnlyList<AverageSnapshot> snapshots, AverageProfile wanted)
    {
        _snapshots = snapshots;
        Wanted = wanted;
        var stored = snapshots.Select(s => s.Profile).ToArray();
        Coefficients = Solve(stored, wanted);
        // ‖Σ c_i p_i - p‖²
        AverageProfile[] all = [.. stored, wanted];
        double[] factors = [.. Coefficients, -1];
        var left = all.Index().Sum(a => all.Index().Sum(b => factors[a.Index] * factors[b.Index] * PowerFunction.Overlap(a.Item, b.Item)));
        RelativeError = Math.Sqrt(Math.Max(0, left) / PowerFunction.Overlap(wanted, wanted));
    }

    /// <summary>The profile that was asked for.</summary>
    public AverageProfile Wanted { get; }

    /// <summary>The factor of each snapshot.</summary>
    public IReadOnlyList<double> Coefficients { get; }

    /// <summary>‖fitted - wanted‖ / ‖wanted‖ of the profiles; 0 is exact, and a few per cent do not matter.</summary>
    public double RelativeError { get; }

    /// <summary>The snapshots of a run folder as one average.</summary>
    /// <param name="folder">The run folder.</param>
    /// <param name="std">σ_rel.</param>
    /// <param name="images">Where the average ends; null for the newest snapshot.</param>
    /// <exception cref="ConfigurationException">A value is out of range, or the run has no snapshots.</exception>
    public static PosthocAverage OfRun(string folder, double std, long? images = null)
    {
        if (!(std > 0 && std <= PowerFunction.LargestStd))
            throw new ConfigurationException($"--std {std}: must be above 0 and at most {PowerFunction.LargestStd:F3}");
        var all = AverageSnapshot.Find(folder);
        if (all.Count == 0)
            throw new ConfigurationException(
                $"{folder}: has no snapshots of averages; train with \"powerEma\": {{ \"stds\": [0.05, 0.1] }} in the options"
            );
        var (first, newest) = (all.Min(s => s.Profile.Images), all.Max(s => s.Profile.Images));
        var end = images ?? newest;
        if (end < first || end > newest)
            throw new ConfigurationException($"--images {end}: the snapshots of {folder} cover {first} to {newest}");
        // What came after the end must not count; between two snapshots the later one is needed too.
        var until = all.Where(s => s.Profile.Images >= end).Min(s => s.Profile.Images);
        return new([.. all.Where(s => s.Profile.Images <= until)], new(end, std));
    }

    /// <summary>The factors of stored profiles whose sum is nearest to a wanted one, scaled to the sum 1: an average of equal weights is these weights.</summary>
    public static double[] Solve(IReadOnlyList<AverageProfile> stored, AverageProfile wanted)
    {
        using var scope = NewDisposeScope();
        var n = stored.Count;
        // Every profile at norm 1: early ones are much higher than late ones.
        var norms = stored.Select(p => Math.Sqrt(PowerFunction.Overlap(p, p))).ToArray();
        var products = new double[n, n];
        var right = new double[n, 1];
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++)
                products[i, j] = PowerFunction.Overlap(stored[i], stored[j]) / (norms[i] * norms[j]);
            right[i, 0] = PowerFunction.Overlap(stored[i], wanted) / norms[i];
        }
        var solution = TensorMemory.Numbers<double>(linalg.solve(tensor(products), tensor(right)));
        var factors = solution.Select((x, i) => x / norms[i]).ToArray();
        return Array.ConvertAll(factors, f => f / factors.Sum());
    }

    /// <summary>Sums the snapshots up and writes the network.</summary>
    /// <exception cref="DataFormatException">A snapshot is damaged or of another network.</exception>
    public void Save(string path)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var newest = _snapshots.MaxBy(s => s.Profile.Images)!;
        using var network = NetworkFile.Load(newest.Path); // its buffers are those of all
        var sums = network.named_parameters().ToDictionary(p => p.name, p => zeros(p.parameter.shape, ScalarType.Float64));
        foreach (var (snapshot, factor) in _snapshots.Zip(Coefficients))
        {
            using var file = SafetensorsFile.Open(snapshot.Path);
            if (NetworkFile.ReadConfiguration(file, snapshot.Path).ToJson() != network.Configuration.ToJson())
                throw new DataFormatException($"{snapshot.Path}: is of another network than {newest.Path}; remove it from the run folder");
            NetworkFile.CopyInto(network, file, snapshot.Path);
            foreach (var (name, parameter) in network.named_parameters())
                sums[name].add_(parameter, factor);
        }
        foreach (var (name, parameter) in network.named_parameters())
            parameter.copy_(sums[name]);
        var metadata = AverageSnapshot.Metadata(Wanted, newest);
        NetworkFile.Save(path, network.Configuration, network.state_dict(), metadata: metadata);
    }
}
