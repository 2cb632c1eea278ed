using System.Runtime.ExceptionServices;
using InvFusion.Distributed;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Tests.Distributed;

/// <summary>Ranks as threads of one process: exchanges happen in memory, in the order of the ranks.</summary>
internal sealed class ThreadedRanks : IDisposable
{
    private readonly Barrier _barrier;
    private readonly object?[] _slots;

    private ThreadedRanks(int size) => (_barrier, _slots) = (new(size), new object?[size]);

    /// <summary>Runs the work once per rank, all at the same time.</summary>
    public static void Run(int size, Action<ICollective> work)
    {
        using var shared = new ThreadedRanks(size);
        var errors = new Exception?[size];
        var threads = Enumerable
            .Range(0, size)
            .Select(rank => new Thread(() =>
            {
                try
                {
                    work(new Member(shared, rank, size));
                }
                catch (Exception e)
                {
                    errors[rank] = e;
                    shared._barrier.RemoveParticipant();
                }
            }))
            .ToArray();
        foreach (var thread in threads)
            thread.Start();
        foreach (var thread in threads)
            thread.Join();
        if (errors.FirstOrDefault(e => e is not null) is { } error)
            ExceptionDispatchInfo.Throw(error);
    }

    public void Dispose() => _barrier.Dispose();

    private sealed class Member(ThreadedRanks shared, int rank, int size) : ICollective
    {
        public int Rank => rank;
        public int Size => size;
        public int LocalRank => rank;
        public int LocalSize => size;
        public ProcessorShare Processors => new(1, 1);

        public void Sum(Tensor values)
        {
            using var noGrad = no_grad();
            var sum = new float[values.NumberOfElements];
            foreach (var part in Exchange(TensorMemory.Numbers<float>(values)))
                for (var i = 0; i < sum.Length; i++)
                    sum[i] += part[i];
            using var source = tensor(sum);
            values.copy_(source);
        }

        public void Broadcast(Tensor values) => throw new NotSupportedException("threads share libtorch's state");

        public void Reduce(Span<double> values, Reduction reduction)
        {
            var all = Exchange(values.ToArray());
            for (var i = 0; i < values.Length; i++)
                values[i] = reduction == Reduction.Sum ? all.Sum(a => a[i]) : all.Max(a => a[i]);
        }

        public void Broadcast(Span<byte> bytes) => Exchange(bytes.ToArray())[0].CopyTo(bytes);

        public void Barrier() => Exchange(0);

        public void Abort(int code) => throw new InvalidOperationException($"ended with {code}");

        public void Dispose() { }

        private T[] Exchange<T>(T mine)
        {
            shared._slots[rank] = mine;
            shared._barrier.SignalAndWait();
            T[] all = [.. shared._slots.Select(s => (T)s!)];
            shared._barrier.SignalAndWait();
            return all;
        }
    }
}
