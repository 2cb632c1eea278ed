using InvFusion.Diffusion;
using InvFusion.Models;
using TorchSharp;

namespace InvFusion.Restoration;

/// <summary>How many samples go through a network together where nobody says: as few as keep the machine busy, and no more than its memory holds.</summary>
public static class BatchChoice
{
    // Two of the lots in which a thread takes the rows of a product. With fewer, threads wait for each other; more gains nothing (docs/performance.md).
    private const int RowsOfThread = 128;
    private const int Most = 64;
    private const int OnGpu = 16;

    // What a layer holds for each token, in widths and hidden widths: the stream, projections, features and what the heads read; values, gates and their product.
    private const int Widths = 12;
    private const int HiddenWidths = 3;

    /// <summary>For this process.</summary>
    /// <param name="network">The network.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="sampler">Who asks it.</param>
    public static int Of(NetworkConfiguration network, torch.Device device, SamplerKind sampler) =>
        device.type == DeviceType.CPU
            ? OnCpu(network, torch.get_num_threads(), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2, sampler.Differentiates)
            : OnGpu;

    /// <summary>For a CPU.</summary>
    /// <param name="network">The network.</param>
    /// <param name="threads">Threads of its products.</param>
    /// <param name="memory">Bytes that activations may take.</param>
    /// <param name="graph">Whether those of all layers are kept, for a gradient.</param>
    internal static int OnCpu(NetworkConfiguration network, int threads, long memory, bool graph)
    {
        var tokens = Tokens(network, network.Levels.Count - 1);
        var busy = (threads * RowsOfThread + tokens - 1) / tokens;
        if (busy > 1)
            busy = (busy + threads - 1) / threads * threads; // or the last samples keep one thread alone
        return (int)Math.Clamp(memory / Bytes(network, graph), 1, Math.Min(busy, Most));
    }

    private static int Tokens(NetworkConfiguration network, int level)
    {
        var side = network.Resolution / network.PatchAt(level);
        return side * side;
    }

    // Of a sample.
    private static long Bytes(NetworkConfiguration network, bool graph)
    {
        long largest = 0,
            all = 0;
        foreach (var (i, level) in network.Levels.Index())
        {
            var layer = sizeof(float) * (long)Tokens(network, i) * (Widths * level.Width + HiddenWidths * level.FeedForwardWidth);
            largest = Math.Max(largest, layer);
            all += layer * level.Depth * (i == network.Levels.Count - 1 ? 1 : 2); // down and up
        }
        return graph ? all : largest;
    }
}
