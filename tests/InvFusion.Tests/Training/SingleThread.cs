using static TorchSharp.torch;

namespace InvFusion.Tests.Training;

/// <summary>One thread for torch while it lives: sums then have one order, and equal means equal to the bit.</summary>
internal sealed class SingleThread : IDisposable
{
    private readonly int _before = get_num_threads();

    public SingleThread() => set_num_threads(1);

    public void Dispose() => set_num_threads(_before);
}
