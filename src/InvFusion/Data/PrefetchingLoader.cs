using System.Threading.Channels;

namespace InvFusion.Data;

/// <summary>Delivers batches in the exact order of the counter, made ahead on background threads.</summary>
/// <remarks>The set stays the caller's and may be disposed after the loader. One thread calls <see cref="Next"/>.</remarks>
public sealed class PrefetchingLoader : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<Task<ImageBatch>> _ahead;
    private readonly BatchBuilder _builder;
    private readonly Task _producer;
    private Exception? _failure;
    private bool _disposed;

    /// <summary>Starts to read ahead.</summary>
    /// <param name="set">The images.</param>
    /// <param name="options">What to deliver.</param>
    /// <exception cref="ConfigurationException">An option makes no sense.</exception>
    public PrefetchingLoader(IImageSet set, LoaderOptions options)
    {
        ArgumentNullException.ThrowIfNull(set);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _builder = new BatchBuilder(set, options);
        // The queue holds work that has begun: its bound is both how far ahead and how parallel the loader works, its order is the order of delivery.
        _ahead = Channel.CreateBounded<Task<ImageBatch>>(
            new BoundedChannelOptions(options.Prefetch) { SingleReader = true, SingleWriter = true }
        );
        var stride = options.Stride > 0 ? options.Stride : options.BatchSize;
        _producer = Task.Run(() => ProduceAsync(options.StartCounter, stride, _stop.Token));
    }

    /// <summary>The next batch; waits until it is there.</summary>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="DataFormatException">An image of this batch cannot be read; the message names it. Every later call fails the same way.</exception>
    public ImageBatch Next(CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_failure is not null)
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(_failure);
        Task<ImageBatch> batch;
        while (!_ahead.Reader.TryPeek(out batch!))
            _ahead.Reader.WaitToReadAsync(cancellation).AsTask().GetAwaiter().GetResult();
        batch.WaitWithoutThrow(cancellation);
        // Taken only now: a wait that was cancelled loses no batch.
        _ahead.Reader.TryRead(out _);
        if (batch.Exception?.InnerException is { } error)
        {
            _failure = error;
            _stop.Cancel();
        }
        return batch.GetAwaiter().GetResult();
    }

    /// <summary>Stops reading ahead and waits until no thread uses the set any more.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _stop.Cancel();
        _producer.WaitWithoutThrow();
        while (_ahead.Reader.TryRead(out var batch))
            batch.WaitWithoutThrow();
        _stop.Dispose();
    }

    private async Task ProduceAsync(long counter, long stride, CancellationToken stop)
    {
        for (; await _ahead.Writer.WaitToWriteAsync(stop).ConfigureAwait(false); counter += stride)
        {
            var first = counter;
            // The only writer: there is room.
            _ahead.Writer.TryWrite(Task.Run(() => _builder.Build(first, stop), stop));
        }
    }
}
