using InvFusion.Distributed;
using InvFusion.Evaluation;
using InvFusion.Metrics.References;
using InvFusion.Metrics.Statistics;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Scores;

/// <summary>The vectors of one kind of a set: moments by groups of images, and a sample for the kernel distance.</summary>
internal sealed class FeatureTotals(int width, int images) : IDisposable
{
    private readonly FeatureMoments[] _groups = [.. Enumerable.Range(0, Jackknife.Groups).Select(_ => new FeatureMoments(width))];

    /// <summary>The sample.</summary>
    public FeatureSample Sample { get; } = new(width, images);

    /// <summary>Adds vectors <c>[images, D]</c> of images by their numbers.</summary>
    public void Add(int[] images, float[] vectors)
    {
        if (images.Length == 0)
            return;
        using var scope = NewDisposeScope();
        var all = tensor(vectors).view(-1, width);
        foreach (var group in images.Index().GroupBy(i => Jackknife.GroupOf(i.Item)))
            _groups[group.Key].Add(all.index_select(0, tensor(group.Select(i => (long)i.Index).ToArray())));
        foreach (var (row, image) in images.Index())
            Sample.Add(image, vectors.AsSpan(row * width, width));
    }

    /// <summary>Replaces everything by that of all ranks.</summary>
    public void Reduce(ICollective ranks)
    {
        foreach (var group in _groups)
            group.Reduce(ranks);
        Sample.Reduce(ranks);
    }

    /// <summary>How many vectors there are.</summary>
    public long Count => _groups.Sum(g => g.Count);

    /// <summary>Mean and covariance of all of them; the caller owns them.</summary>
    public FeatureStatistics Statistics()
    {
        using var total = Total();
        return total.Statistics();
    }

    /// <summary>Fréchet distance with its interval.</summary>
    public Estimate Frechet(FrechetDistance reference)
    {
        using var total = Total();
        var value = Distance(total);
        if (_groups.Any(g => g.Count < 2))
            return new(value, double.NaN, double.NaN);
        var without = new double[_groups.Length];
        foreach (var (g, group) in _groups.Index())
        {
            total.Add(group, -1);
            without[g] = Distance(total);
            total.Add(group);
        }
        return Jackknife.Of(value, without);

        double Distance(FeatureMoments moments)
        {
            using var statistics = moments.Statistics();
            return reference.To(statistics);
        }
    }

    /// <summary>Kernel distance of the samples with its interval.</summary>
    public Estimate Kernel(ReferenceEntry reference)
    {
        using var scope = NewDisposeScope();
        var (vectors, groups) = Sample.Vectors();
        var distance = new KernelDistance(vectors, groups, reference.Sample!);
        var value = distance.Value();
        var enough = distance.Groups == Jackknife.Groups && groups.CountBy(g => g).All(g => g.Value >= 2);
        return enough
            ? Jackknife.Of(value, [.. Enumerable.Range(0, distance.Groups).Select(g => distance.Value(g))])
            : new(value, double.NaN, double.NaN);
    }

    public void Dispose()
    {
        foreach (var group in _groups)
            group.Dispose();
    }

    private FeatureMoments Total()
    {
        var total = new FeatureMoments(width);
        foreach (var group in _groups)
            total.Add(group);
        return total;
    }
}
