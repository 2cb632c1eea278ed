using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using TorchSharp;

namespace InvFusion.Runtime;

/// <summary>
/// Runs our own CPU kernels on the threads that libtorch's products run on (its OpenMP team): a second pool would fight with the first one for the processors
/// at every change between a product and a kernel. Without OpenMP the pool of .NET does it.
/// </summary>
internal static unsafe class CpuTeam
{
    private static readonly delegate* unmanaged[Cdecl]<delegate* unmanaged[Cdecl]<void*, void>, void*, uint, uint, void> Parallel =
        FindOpenMp();

    /// <summary>Does items 0 … count-1, in any order and on any thread of the team; returns when all are done.</summary>
    /// <param name="count">Number of items.</param>
    /// <param name="grain">Items that one thread takes at a time; fewer than two grains stay on the calling thread.</param>
    /// <param name="work">The work; what an item computes must not depend on the others.</param>
    public static void For<TWork>(int count, int grain, in TWork work)
        where TWork : unmanaged, IRangeWork
    {
        grain = Math.Max(1, grain);
        var pieces = (count + grain - 1) / grain;
        var threads = Math.Min(Threads, pieces);
        if (threads <= 1)
        {
            if (count > 0)
                work.Run(0, count);
            return;
        }
        fixed (TWork* pointer = &work)
        {
            var job = new Job
            {
                Work = pointer,
                Invoke = &Invoke<TWork>,
                Count = count,
                Grain = grain,
            };
            if (Parallel != null)
                Parallel(&Member, &job, (uint)threads, 0);
            else
                RunOnPool(&job, threads);
            if (job.Failure != 0)
                Rethrow(job.Failure);
        }
    }

    // Read each time: libtorch's own setting is the only one.
    private static int Threads => torch.get_num_threads();

    private static void Invoke<TWork>(void* work, int start, int end)
        where TWork : unmanaged, IRangeWork => ((TWork*)work)->Run(start, end);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Member(void* job) => TakePieces((Job*)job);

    private static void TakePieces(Job* job)
    {
        try
        {
            while (true)
            {
                var start = Interlocked.Add(ref job->Next, job->Grain) - job->Grain;
                if (start >= job->Count)
                    return;
                job->Invoke(job->Work, start, Math.Min(job->Count, start + job->Grain));
            }
        }
        catch (Exception error)
        {
            // Through native code an exception would end the process.
            var handle = (nint)GCHandle.Alloc(error);
            if (Interlocked.CompareExchange(ref job->Failure, handle, 0) != 0)
                GCHandle.FromIntPtr(handle).Free();
        }
    }

    private static void RunOnPool(Job* job, int threads)
    {
        var address = (nint)job;
        System.Threading.Tasks.Parallel.For(0, threads, _ => TakePieces((Job*)address));
    }

    private static void Rethrow(nint failure)
    {
        var handle = GCHandle.FromIntPtr(failure);
        var error = (Exception)handle.Target!;
        handle.Free();
        ExceptionDispatchInfo.Throw(error);
    }

    private static delegate* unmanaged[Cdecl]<delegate* unmanaged[Cdecl]<void*, void>, void*, uint, uint, void> FindOpenMp() =>
        NativeTorch.Symbol("GOMP_parallel") is { } address
            ? (delegate* unmanaged[Cdecl]<delegate* unmanaged[Cdecl]<void*, void>, void*, uint, uint, void>)address
            : null;

    private struct Job
    {
        public void* Work;
        public delegate* <void*, int, int, void> Invoke;
        public int Count;
        public int Grain;
        public int Next;
        public nint Failure;
    }
}
