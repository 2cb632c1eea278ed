using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using InvFusion.Data;
using InvFusion.Distributed;
using InvFusion.Models;
using InvFusion.Training.Averages;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>
/// The ranks of a run. Each takes a part of the images of every pass; losses are divided by the images of the whole step, so that the sum of the ranks'
/// gradients is that of one rank with the whole batch. Optimizer and average then do the same to the same numbers on every rank.
/// </summary>
internal sealed class TrainingRanks
{
    private readonly ICollective _ranks;
    private readonly int _batch;
    private readonly int _length;

    /// <summary>Divides the batch.</summary>
    /// <exception cref="ConfigurationException">There are more ranks than images in a pass.</exception>
    public TrainingRanks(ICollective ranks, TrainingOptions options)
    {
        (_ranks, _batch) = (ranks, options.Batch);
        if (ranks.Size > _batch)
            throw new ConfigurationException(
                $"batch {_batch}: is fewer than one image for each of the {ranks.Size} ranks, which share it; start at most {_batch} ranks, or a new run with a larger batch"
            );
        (First, _length) = ranks.Part(_batch);
    }

    /// <summary>Whether this rank writes.</summary>
    public bool IsFirst => _ranks.IsFirst();

    /// <summary>The processes themselves.</summary>
    public ICollective Collective => _ranks;

    /// <summary>Images of a pass before this rank's.</summary>
    public int First { get; }

    /// <summary>This rank's part of what a loader delivers.</summary>
    public LoaderOptions PartOf(LoaderOptions whole) =>
        whole with
        {
            BatchSize = _length,
            StartCounter = whole.StartCounter + First,
            Stride = _batch,
        };

    /// <summary>Whether the condition holds on any rank.</summary>
    public bool Any(bool condition) => _ranks.Any(condition);

    /// <summary>Gradients become those of all ranks, and the means of each pass those of the whole pass.</summary>
    public void Sum(Tensor gradients, Span<PassLosses> passes)
    {
        if (_ranks.Size == 1)
            return;
        _ranks.Sum(gradients);
        var sums = MemoryMarshal.Cast<PassLosses, double>(passes);
        foreach (ref var value in sums)
            value *= (double)_length / _batch;
        _ranks.Reduce(sums, Reduction.Sum);
    }

    /// <summary>Gives every rank the state of rank 0: what it has read, or its beginning.</summary>
    /// <returns>Images seen and seconds of rank 0.</returns>
    public (long Seen, double Seconds) ShareState(
        PreconditionedNetwork network,
        FlatOptimizer optimizer,
        PowerAverages averages,
        long seen,
        double seconds
    )
    {
        if (_ranks.Size == 1)
            return (seen, seconds);
        Span<long> numbers = [seen, optimizer.Steps, BitConverter.DoubleToInt64Bits(seconds)];
        _ranks.Broadcast(MemoryMarshal.AsBytes(numbers));
        optimizer.Steps = numbers[1];
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (_, tensor) in TrainingCheckpoint.Contents(network, optimizer, averages))
            _ranks.Broadcast(tensor);
        return (numbers[0], BitConverter.Int64BitsToDouble(numbers[2]));
    }

    /// <summary>Refuses to save weights that only one rank has.</summary>
    /// <exception cref="DivergenceException">The ranks have different ones.</exception>
    public void RequireEqual(Tensor weights, Tensor average, long seen)
    {
        if (_ranks.Size == 1)
            return;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var tensor in new[] { weights, average })
        {
            using var host = tensor.cpu();
            hash.AppendData(host.bytes);
        }
        double mine = BinaryPrimitives.ReadUInt32LittleEndian(hash.GetHashAndReset());
        Span<double> range = [mine, -mine];
        _ranks.Reduce(range, Reduction.Max);
        if (range[0] != -range[1])
            throw new DivergenceException(
                $"the ranks have different weights at image {seen}, by a fault of a host or a library; run the same command again to go on from the last checkpoint"
            );
    }
}
