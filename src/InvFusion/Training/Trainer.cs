using System.Diagnostics;
using InvFusion.Data;
using InvFusion.Distributed;
using InvFusion.Formats.IO;
using InvFusion.Models;
using InvFusion.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>A training run in a folder: starts, goes on from the newest whole checkpoint, and ends with one when cancelled.</summary>
public sealed class Trainer : IDisposable
{
    private const int PatienceForNonFiniteLoss = 20;
    private const long BytesOfAStep = 32 << 20; // managed ones: handles of tensors, images of the loader
    private readonly TrainingOptions _options;
    private readonly string _folder;
    private readonly IImageSet _images;
    private readonly PreconditionedNetwork _network;
    private readonly FlatParameters _parameters;
    private readonly FlatAdam _adam;
    private readonly StatsFile _stats;
    private readonly TrainingRanks _ranks;
    private double _earlierSeconds;
    private long _seen;
    private long _saved = -1;

    /// <summary>Opens a run.</summary>
    /// <param name="options">The run.</param>
    /// <param name="folder">The run folder; created when missing. A run that is already in it goes on.</param>
    /// <param name="images">The images; not owned.</param>
    /// <param name="warn">Receives one line for each damaged checkpoint that is passed over.</param>
    /// <param name="device">Where to train, or null for the CPU.</param>
    /// <param name="ranks">
    /// The processes that train together, or null for this one alone; not owned. Each takes its part of every pass; rank 0 alone reads and writes the folder.
    /// </param>
    /// <exception cref="ConfigurationException">The options are wrong, or differ from those of the run in the folder.</exception>
    /// <exception cref="DataFormatException">The folder cannot be written, or the images do not fit the network.</exception>
    public Trainer(
        TrainingOptions options,
        string folder,
        IImageSet images,
        Action<string>? warn = null,
        Device? device = null,
        ICollective? ranks = null
    )
    {
        options.Validate();
        _ranks = new(ranks ?? new SingleProcess(), options);
        (_options, _folder, _images) = (options, folder, images);
        var n = options.Network;
        if (images.Size != n.Resolution || images.Channels != n.Channels)
            throw new ConfigurationException(
                $"{options.Data}: images are {images.Channels}×{images.Size}×{images.Size}, the network takes {n.Channels}×{n.Resolution}×{n.Resolution}; 'dataset prepare --size {n.Resolution}' makes them fit"
            );
        if (n.Classes > 0 && images.ClassCount != n.Classes)
            throw new ConfigurationException($"{options.Data}: has {images.ClassCount} classes, the network {n.Classes}");
        manual_seed(new RandomStream(options.Seed, 0).NextSeed());
        _network = new PreconditionedNetwork(n) { ComputeType = ComputePrecision.Parse(options.Precision, device) };
        if (device is not null)
            _network.to(device);
        _network.train();
        _parameters = new(_network);
        if (options.WarmStart is { } start && _ranks.IsFirst)
            LoadWeights(start);
        _adam = new(_parameters);
        _stats = new(Path.Combine(folder, "stats.jsonl"));
        try
        {
            if (_ranks.IsFirst)
                Resume(warn);
            (_seen, _earlierSeconds) = _ranks.ShareState(_network, _adam, _seen, _earlierSeconds);
            _saved = _seen > 0 ? _seen : -1;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Images seen so far.</summary>
    public long ImagesSeen => _seen;

    /// <summary>The network in training; its weights are the current ones, not the average.</summary>
    public PreconditionedNetwork Network => _network;

    /// <summary>Trains until the run's images are seen or the token is cancelled; ends with a checkpoint in both cases.</summary>
    /// <param name="progress">Told at every status.</param>
    /// <param name="cancellation">Ends the run after the current step.</param>
    /// <exception cref="DivergenceException">The loss stayed NaN or infinite; the last checkpoint is usable.</exception>
    public void Run(IProgress<TrainingStatus>? progress = null, CancellationToken cancellation = default)
    {
        var loaderOptions = new LoaderOptions
        {
            BatchSize = _options.Batch,
            Seed = _options.Seed,
            StartCounter = _seen,
            HorizontalFlip = _options.HorizontalFlip,
        };
        using var loader = new PrefetchingLoader(_images, _ranks.PartOf(loaderOptions));
        var step = new TrainingStep(_network, _options, _parameters.Values.device, _ranks.First);
        var clock = Stopwatch.StartNew();
        var window = new StatusWindow(_seen, clock.Elapsed);
        var nonFinite = 0; // passes in a row, over windows too
        while (_seen < _options.Images && !_ranks.Any(cancellation.IsCancellationRequested))
        {
            using var pause = CollectionPause.Begin(BytesOfAStep);
            var passes = new (double Loss, double Consistency)[_options.Rounds];
            for (var round = 0; round < _options.Rounds; round++)
                passes[round] = step.Accumulate(loader.Next(CancellationToken.None));
            _ranks.Sum(_parameters.Gradients, passes);
            foreach (var pass in passes)
            {
                nonFinite = double.IsFinite(pass.Loss) ? 0 : nonFinite + 1;
                window.Add(pass);
            }
            var rate = _options.LearningRate.OfStep(_seen, _options.StepImages, _options.Images);
            _seen += _options.StepImages;
            var beta = _options.Ema.Beta(_seen, _options.StepImages);
            window.Skipped += _adam.Step(rate, beta);
            if (nonFinite >= PatienceForNonFiniteLoss)
                throw new DivergenceException(
                    $"training diverged: the loss was not finite for {nonFinite} passes up to image {_seen}; go on from the last checkpoint in {_folder} with a lower learning rate"
                );
            if (Crossed(_options.StatusImages) || _seen >= _options.Images)
            {
                var status = window.Close(_seen, _options.Images, rate, beta, clock.Elapsed, _earlierSeconds);
                if (_ranks.IsFirst)
                    _stats.Append(status);
                progress?.Report(status);
                window = new(_seen, clock.Elapsed);
            }
            if (_options.GridImages > 0 && Crossed(_options.GridImages) && _ranks.IsFirst)
                SaveGrid();
            if (Crossed(_options.CheckpointImages))
                SaveCheckpoint(clock.Elapsed.TotalSeconds);
        }
        if (_saved != _seen)
            SaveCheckpoint(clock.Elapsed.TotalSeconds);
        _earlierSeconds += clock.Elapsed.TotalSeconds;
    }

    /// <summary>Writes the averaged weights as a network file.</summary>
    public void SaveAverage(string path)
    {
        using var scope = NewDisposeScope();
        var state = _network.named_buffers().Select(b => KeyValuePair.Create(b.name, b.buffer)).Concat(_parameters.Named(_adam.Average));
        var metadata = new Dictionary<string, string>
        {
            ["invfusion.images"] = _seen.ToString(),
            ["invfusion.degradations"] = string.Join(",", _options.Degradations),
        };
        NetworkFile.Save(path, _options.Network, state, metadata: metadata);
    }

    // The averaged weights take the place of the current ones while the grid is drawn; the copy brings these back to the bit.
    private void SaveGrid()
    {
        using var noGrad = no_grad();
        using var current = _parameters.Values.clone();
        _parameters.Values.copy_(_adam.Average);
        try
        {
            var grid = new SampleGrid(_network, _options, _images);
            grid.Save(Path.Combine(_folder, $"grid-{_seen:D12}.png"), $"{_seen} images");
        }
        finally
        {
            _parameters.Values.copy_(current);
        }
    }

    private bool Crossed(long interval) => _seen / interval != (_seen - _options.StepImages) / interval;

    private void SaveCheckpoint(double seconds)
    {
        _ranks.RequireEqual(_parameters.Values, _adam.Average, _seen);
        _saved = _seen;
        if (!_ranks.IsFirst)
            return;
        TrainingCheckpoint.Save(TrainingCheckpoint.PathOf(_folder, _seen), _network, _adam, _seen, _earlierSeconds + seconds);
        SaveAverage(Path.Combine(_folder, "network-ema.safetensors"));
        TrainingCheckpoint.Prune(_folder, _options.KeepCheckpoints);
    }

    private void Resume(Action<string>? warn)
    {
        var optionsPath = Path.Combine(_folder, "options.json");
        var checkpoints = TrainingCheckpoint.Find(_folder);
        if (checkpoints.Length > 0 && File.Exists(optionsPath))
            _options.CheckResumable(TrainingOptions.FromJson(File.ReadAllText(optionsPath), optionsPath), _folder);
        AtomicFile.WriteAllText(optionsPath, _options.ToJson());
        foreach (var checkpoint in checkpoints)
        {
            try
            {
                (_seen, _earlierSeconds) = TrainingCheckpoint.Load(checkpoint, _network, _adam);
                break;
            }
            catch (DataFormatException e)
            {
                // Out of the way: the whole states that follow have smaller numbers and would be pruned before it.
                File.Move(checkpoint, checkpoint + ".damaged", overwrite: true);
                warn?.Invoke($"{e.Message}; passed over and renamed to .damaged");
            }
        }
        _stats.TruncateAfter(_seen);
    }

    private void LoadWeights(string path)
    {
        using var file = Formats.Safetensors.SafetensorsFile.Open(path);
        NetworkFile.CopyInto(_network, file, path);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _adam.Dispose();
        _parameters.Dispose();
        _network.Dispose();
    }
}
