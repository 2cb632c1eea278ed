using System.Text;
using InvFusion.Formats.IO;
using InvFusion.Formats.Numpy;
using InvFusion.Formats.Pickle;
using InvFusion.Metrics.Features;
using InvFusion.Metrics.Statistics;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Metrics.References;

/// <summary>
/// Files of reference statistics. The own format is an .npz with <c>NAME/mu</c>, <c>NAME/sigma</c>, <c>NAME/count</c> and <c>NAME/features</c> for each feature network and
/// <c>info</c>, UTF-8 text. Read as well: EDM's .npz (<c>mu</c>, <c>sigma</c>) and EDM2's .pkl (a dictionary of such pairs), whose pickle is read as data alone.
/// </summary>
public static class ReferenceFile
{
    private const string Info = "info";
    private const double MostImages = 1L << 53;
    private const double Rounding = 1e-6; // of all variances: covariances are also stored as singles

    // EDM and EDM2 use the Inception network with the input of TensorFlow 1, and DINOv2 as we do.
    private static readonly string Inception = InceptionExtractor.NameOf(InceptionInput.TensorFlow);
    private static readonly Dictionary<string, string> PickledNames = new() { ["fid"] = Inception, ["fd_dinov2"] = "dinov2-vitl14" };

    /// <summary>Reads a file of any of the formats.</summary>
    /// <exception cref="DataFormatException">It is none, or damaged; the message names it.</exception>
    public static ReferenceStatistics Load(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return IsPickle(path) ? LoadPickle(path) : LoadArchive(path);
    }

    /// <summary>Writes the own format, atomically.</summary>
    public static void Save(string path, ReferenceStatistics statistics)
    {
        ArgumentNullException.ThrowIfNull(statistics);
        var arrays = new List<KeyValuePair<string, NpyArray>>();
        foreach (var (name, entry) in statistics.Entries)
        {
            long width = entry.Statistics.Width;
            arrays.Add(new($"{name}/mu", NpyArray.FromDoubles(TensorMemory.Numbers<double>(entry.Statistics.Mean), width)));
            arrays.Add(new($"{name}/sigma", NpyArray.FromDoubles(TensorMemory.Numbers<double>(entry.Statistics.Covariance), width, width)));
            arrays.Add(new($"{name}/count", NpyArray.FromInt64([entry.Count])));
            if (entry.Sample is { } sample)
                arrays.Add(new($"{name}/features", NpyArray.FromSingles(TensorMemory.Numbers<float>(sample), sample.shape[0], width)));
        }
        arrays.Add(new(Info, NpyArray.FromBytes(Encoding.UTF8.GetBytes(statistics.Info), Encoding.UTF8.GetByteCount(statistics.Info))));
        Npz.Write(path, arrays);
    }

    private static ReferenceStatistics LoadArchive(string path)
    {
        using var file = Npz.Read(path);
        if (file.Names.Contains("mu") && file.Names.Contains("sigma"))
            return One(path, Inception, Create(path, file.Read("mu"), file.Read("sigma"), 0, null));
        var entries = new Dictionary<string, ReferenceEntry>();
        foreach (var name in file.Names.Where(n => n.EndsWith("/mu", StringComparison.Ordinal)).Select(n => n[..^"/mu".Length]))
        {
            var features = file.Names.Contains($"{name}/features") ? file.Read($"{name}/features") : null;
            var count = Count(path, file.Read($"{name}/count"));
            entries[name] = Create(path, file.Read($"{name}/mu"), file.Read($"{name}/sigma"), count, features);
        }
        if (entries.Count == 0)
            throw new DataFormatException($"{path}: holds no reference statistics (no mu and sigma); 'metrics ref' makes them");
        return new(path, entries, file.Names.Contains(Info) ? Encoding.UTF8.GetString(file.Read(Info).Data) : "");
    }

    private static long Count(string path, NpyArray count) =>
        count.Count == 1 && count.ToDoubles()[0] is >= 0 and < MostImages and var value && Math.Floor(value) == value
            ? (long)value
            : throw new DataFormatException($"{path}: its count is no number of images; make it anew with 'metrics ref'");

    private static ReferenceStatistics LoadPickle(string path)
    {
        if (NumpyPickle.Read(path) is not PickleDictionary root)
            throw new DataFormatException($"{path}: holds no reference statistics: it is no dictionary of metrics");
        var entries = new Dictionary<string, ReferenceEntry>();
        foreach (var (metric, name) in PickledNames)
            if (root.TryGetValue(metric, out var value) && value is PickleDictionary pair)
                entries[name] = Create(path, Array(path, pair, "mu"), Array(path, pair, "sigma"), 0, null);
        return entries.Count > 0
            ? new(path, entries)
            : throw new DataFormatException($"{path}: holds no reference statistics of {string.Join(" or ", PickledNames.Keys)}");
    }

    private static NpyArray Array(string path, PickleDictionary pair, string name) =>
        pair.TryGetValue(name, out var value) && NumpyPickle.ToArray(value) is { } array
            ? array
            : throw new DataFormatException($"{path}: its {name} is no array of numbers");

    private static ReferenceStatistics One(string path, string name, ReferenceEntry entry) =>
        new(path, new Dictionary<string, ReferenceEntry> { [name] = entry });

    private static ReferenceEntry Create(string path, NpyArray mean, NpyArray covariance, long count, NpyArray? features)
    {
        if (mean.Shape is not [var width] || covariance.Shape is not [var rows, var columns] || rows != width || columns != width)
            throw new DataFormatException(
                $"{path}: mu is [{string.Join(", ", mean.Shape)}] and sigma [{string.Join(", ", covariance.Shape)}], needed [D] and [D, D]"
            );
        if (width == 0)
            throw new DataFormatException($"{path}: its statistics are of vectors without numbers; make it anew with 'metrics ref'");
        if (features is not null && (features.Shape.Length != 2 || features.Shape[1] != width))
            throw new DataFormatException($"{path}: its vectors are [{string.Join(", ", features.Shape)}], needed [m, {width}]");
        double[] mu = mean.ToDoubles(),
            sigma = covariance.ToDoubles();
        if (!mu.All(double.IsFinite) || !sigma.All(double.IsFinite))
            throw new DataFormatException($"{path}: holds numbers that are not finite");
        if (Contradiction(sigma, (int)width) is { } problem)
            throw new DataFormatException($"{path}: sigma is no covariance ({problem}); make it anew with 'metrics ref'");
        return new(count, FeatureStatistics.Of(mu, sigma), features is null ? null : Sample(features));
    }

    // Why a matrix is no covariance, symmetric without negative variance; null where it is one.
    private static string? Contradiction(double[] sigma, int width)
    {
        var total = 0.0;
        for (var i = 0; i < width; i++)
            total += sigma[i * width + i];
        for (var i = 0; i < width; i++)
        for (var j = 0; j < i; j++)
            if (Math.Abs(sigma[i * width + j] - sigma[j * width + i]) > Rounding * Math.Abs(total))
                return "it is not symmetric";
        if (sigma.AsSpan().IndexOfAnyExcept(0.0) < 0)
            return null; // one vector, again and again
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        // A decomposition into roots that there is of what has no negative direction; a thirtieth of the time of eigenvalues.
        // Lifted here and not by tensors: a number that is given to one can be collected under libtorch (CollectionPause), and files are read on many threads.
        var lifted = (double[])sigma.Clone();
        for (var i = 0; i < width; i++)
            lifted[i * width + i] += Rounding * total;
        return linalg.cholesky_ex(tensor(lifted).view(width, width)).info.item<int>() != 0
            ? "it has a negative variance in some direction"
            : null;
    }

    private static Tensor Sample(NpyArray features)
    {
        using var scope = NewDisposeScope();
        return tensor(features.ToSingles()).view(features.Shape).clone().DetachFromDisposeScope();
    }

    private static bool IsPickle(string path)
    {
        try
        {
            using var stream = InputFile.OpenRead(path);
            return stream.ReadByte() == 0x80;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFormatException($"{path}: cannot be read ({e.Message.TrimEnd('.')})", e);
        }
    }
}
