using InvFusion.Degradations;
using InvFusion.Models;
using InvFusion.Restoration;
using InvFusion.Runtime;
using InvFusion.Tests.Degradations;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Models;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Restoration;

/// <summary>Several threads work with one network: each gets to the bit what it gets alone.</summary>
[Collection(TorchTests.Collection)]
public sealed class ThreadTests
{
    private static readonly NetworkConfiguration Told = TestNetworks.Configuration with { Classes = 3, NoiseConditioning = true };

    // What a thread does: with or without an operator, of several kinds, sizes of batches and methods, so that every cache has to change.
    private static readonly (string? Degradation, string Method, double SigmaY, int Samples, int? Class)[] Jobs =
    [
        (null, "edm", 0, 1, null),
        ("box:2,2,12,12", "edm", 0, 1, 1),
        (null, "edm", 0, 2, 2),
        ("motion:stride=2", "mmse", 0.1, 1, null),
        ("random-matrix:rows=20", "edm", 0, 2, null),
        (null, "ipndm", 0, 1, 1),
        ("pixels", "ddrm", 0.05, 1, null),
        ("sr:4", "linear", 0.02, 1, null),
    ];

    [Theory]
    [InlineData(2, false)]
    [InlineData(4, false)]
    [InlineData(2, true)]
    [InlineData(4, true)]
    public void Restorations_are_those_of_one_thread(int threads, bool joint)
    {
        using var network = Loaded(joint ? Told with { JointEstimate = true } : Told);
        var shared = new Restorer(network);
        byte[][] alone = [.. Jobs.Select((_, i) => Restore(shared, i))];
        using var stop = new CancellationTokenSource();
        var beside = new Thread(() => Allocate(stop.Token)) { IsBackground = true }; // sets off collections
        beside.Start();
        var (wrong, errors) = OnThreads(
            threads,
            thread =>
            {
                var restorer = thread % 2 == 0 ? shared : new Restorer(network);
                for (var i = 0; i < 200 / threads; i++)
                {
                    var job = (i + 3 * thread) % Jobs.Length;
                    if (!Restore(restorer, job).AsSpan().SequenceEqual(alone[job]))
                        return $"job {job} of thread {thread} differs";
                }
                return null;
            }
        );
        stop.Cancel();
        beside.Join();
        Assert.Empty(errors);
        Assert.Empty(wrong);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void Evaluations_are_those_of_one_thread(int threads)
    {
        using var scope = NewDisposeScope();
        using var network = Loaded(Told);
        var (x, sigma, known) = TestNetworks.Inputs(2);
        using var op = known.Operator;
        byte[][] alone = [.. Enumerable.Range(1, 5).Select(Evaluate)];
        var (wrong, errors) = OnThreads(
            threads,
            thread =>
            {
                for (var i = 0; i < 100; i++)
                    if (!Evaluate(1 + (i + thread) % 5).AsSpan().SequenceEqual(alone[(i + thread) % 5]))
                        return $"evaluation {i} of thread {thread} differs";
                return null;
            }
        );
        Assert.Empty(errors);
        Assert.Empty(wrong);

        byte[] Evaluate(int times)
        {
            using var turn = TorchTurn.Take(); // the product with σ is the caller's own work
            using var inner = NewDisposeScope();
            using var noGrad = no_grad();
            return new NetworkDenoiser(network, known).Denoise(x, sigma * times).bytes.ToArray();
        }
    }

    [Fact]
    public void A_thread_that_waits_can_be_cancelled()
    {
        using var network = Loaded(Told);
        using var held = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        var other = new Thread(() =>
        {
            using var turn = TorchTurn.Take();
            held.Set();
            release.Wait();
        });
        other.Start();
        held.Wait(TestContext.Current.CancellationToken);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.Throws<OperationCanceledException>(() =>
            new Restorer(network).Restore(null, null, new RestoreOptions(), cancellation: cancelled.Token)
        );
        release.Set();
        other.Join();
    }

    private static (string[] Wrong, Exception[] Errors) OnThreads(int count, Func<int, string?> work)
    {
        var wrong = new string?[count];
        var errors = new Exception?[count];
        var threads = Enumerable
            .Range(0, count)
            .Select(i => new Thread(() =>
            {
                try
                {
                    wrong[i] = work(i);
                }
                catch (Exception e)
                {
                    errors[i] = e;
                }
            }))
            .ToArray();
        foreach (var thread in threads)
            thread.Start();
        foreach (var thread in threads)
            thread.Join();
        return ([.. wrong.OfType<string>()], [.. errors.OfType<Exception>()]);
    }

    private static byte[] Restore(Restorer restorer, int job)
    {
        var (degradation, method, sigmaY, samples, label) = Jobs[job];
        using var op = degradation is null ? null : DegradationSpec.Parse(degradation).Build(TestNetworks.Shape, seed: (ulong)job);
        using var y = op is null ? null : Measure(op, sigmaY);
        var options = new RestoreOptions
        {
            Method = method,
            Sampler = method is "mmse" or "linear" ? new() : new() { Steps = 2 },
            Samples = samples,
            Seed = (ulong)job,
            SigmaY = sigmaY,
            Class = label,
        };
        using var restored = restorer.Restore(op, y, options);
        return [.. restored.Samples.bytes, .. restored.Mean.bytes];
    }

    private static Tensor Measure(LinearOperator op, double sigmaY)
    {
        using var turn = TorchTurn.Take();
        using var scope = NewDisposeScope();
        var y = op.Apply(Close.Normals(7, 1, 1, 3, 16, 16));
        return MeasurementNoise.Add(op, y, sigmaY, [3]).MoveToOuterDisposeScope();
    }

    // As from a file: its parameters ask for no gradient, so that everything that can be kept is.
    private static PreconditionedNetwork Loaded(NetworkConfiguration configuration)
    {
        var network = TestNetworks.Create(configuration);
        foreach (var parameter in network.parameters())
            parameter.requires_grad = false;
        return network;
    }

    private static void Allocate(CancellationToken stop)
    {
        for (var i = 0; !stop.IsCancellationRequested; i++)
        {
            GC.KeepAlive(new byte[1 << 14]);
            if (i % 64 == 0)
                Thread.Sleep(1);
        }
    }
}
