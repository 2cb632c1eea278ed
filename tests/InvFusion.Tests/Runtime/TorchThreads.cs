using static TorchSharp.torch;

namespace InvFusion.Tests.Runtime;

/// <summary>A number of threads for torch while it lives. With one, sums have one order, and equal means equal to the bit.</summary>
internal sealed class TorchThreads : IDisposable
{
    private readonly int _before = get_num_threads();

    public TorchThreads(int threads) => set_num_threads(threads);

    public static T Run<T>(int threads, Func<T> compute)
    {
        using var inUse = new TorchThreads(threads);
        return compute();
    }

    public void Dispose() => set_num_threads(_before);
}
