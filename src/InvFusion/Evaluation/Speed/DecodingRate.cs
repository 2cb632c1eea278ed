using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace InvFusion.Evaluation.Speed;

/// <summary>How fast images become numbers.</summary>
public static class DecodingRate
{
    /// <summary>Images a second and milliseconds of a processor for an image: medians of the passes; a first pass warms up code and file cache.</summary>
    /// <param name="images">Number of images.</param>
    /// <param name="passes">Passes over all of them that are timed.</param>
    /// <param name="parallel">Threads and cancellation.</param>
    /// <param name="work">What is done with the image of an index.</param>
    /// <exception cref="InvFusionException">The first image that cannot be read.</exception>
    public static (double PerSecond, double Milliseconds) Measure(int images, int passes, ParallelOptions parallel, Action<int> work)
    {
        var (rates, times) = (new double[passes], new double[passes]);
        for (var pass = -1; pass < passes; pass++)
        {
            var clock = Stopwatch.StartNew();
            var before = Environment.CpuUsage.TotalTime;
            Pass(images, parallel, work);
            if (pass < 0)
                continue;
            rates[pass] = images / clock.Elapsed.TotalSeconds;
            times[pass] = (Environment.CpuUsage.TotalTime - before).TotalMilliseconds / images;
        }
        return (Median.Of(rates), Median.Of(times));
    }

    /// <summary>One pass over all images.</summary>
    internal static void Pass(int images, ParallelOptions parallel, Action<int> work)
    {
        try
        {
            Parallel.For(0, images, parallel, work);
        }
        catch (AggregateException e) when (e.InnerException is InvFusionException inner)
        {
            ExceptionDispatchInfo.Throw(inner); // the first image that cannot be read, as one error
        }
    }
}
