using System.Diagnostics;
using System.Globalization;
using InvFusion.Autoencoding;
using InvFusion.Data;
using InvFusion.Distributed;
using InvFusion.Formats.IO;
using InvFusion.Imaging;
using InvFusion.Models;
using InvFusion.Runtime;
using InvFusion.Training.Averages;
using InvFusion.Training.Validation;
using TorchSharp;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>A training run in a folder: starts, goes on from the newest whole checkpoint, and ends with one when cancelled.</summary>
public sealed class Trainer : IDisposable
{
    private const string SuspendFile = "suspend";
    private const long BytesOfAStep = 32 << 20; // managed ones: handles of tensors, images of the loader
    private const string AverageFile = "network-ema.safetensors";
    private const string OptionsFile = "options.json";
    private readonly TrainingOptions _options;
    private readonly string _folder;
    private readonly IImageSet _images;
    private readonly PreconditionedNetwork _network;
    private readonly FlatParameters _parameters;
    private readonly FlatOptimizer _optimizer;
    private readonly PowerAverages _averages;
    private readonly StatsFile _stats;
    private readonly TrainingRanks _ranks;
    private readonly LatentCodec? _codec;
    private readonly RunValidation? _validation;
    private readonly FolderLock? _lock;
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
    /// <param name="validation">The held-out images of <see cref="TrainingOptions.Validation"/>, where it is given; not owned.</param>
    /// <exception cref="ConfigurationException">The options are wrong, or differ from those of the run in the folder.</exception>
    /// <exception cref="DataFormatException">The folder cannot be written or is in use by another process, or the images do not fit the network.</exception>
    public Trainer(
        TrainingOptions options,
        string folder,
        IImageSet images,
        Action<string>? warn = null,
        Device? device = null,
        ICollective? ranks = null,
        IImageSet? validation = null
    )
    {
        TrainingFit.Require(options, images);
        options = options with { Network = options.Network with { Latents = images.Latents } };
        options.Validate();
        options = options.WithFiles();
        ranks ??= new SingleProcess();
        _ranks = new(ranks, options);
        _validation = RunValidation.Of(options, validation, _ranks, device);
        (_options, _folder, _images) = (options, folder, images);
        var n = options.Network;
        manual_seed(new RandomStream(options.Seed, 0).NextSeed());
        _network = new PreconditionedNetwork(n) { ComputeType = ComputePrecision.Parse(options.Precision, device) };
        if (device is not null)
            _network.to(device);
        _network.train();
        _parameters = new(_network);
        if (options.WarmStart is { } start && _ranks.IsFirst && TrainingCheckpoint.Find(folder).Length == 0) // which a resumed run does not need any more
            WarmStart.Load(_network, start);
        _optimizer = new(_parameters, options.Optimizer, _network.ComputeType, ranks);
        _averages = new(_parameters, options.PowerEma.Stds);
        _stats = new(Path.Combine(folder, "stats.jsonl"));
        try
        {
            if (images.Latents is { } latents && options.GridImages > 0 && _ranks.IsFirst)
                _codec = LatentCodec.Open(options.Autoencoder!, latents, device);
            if (_ranks.IsFirst) // the last thing that may be refused without a run: the lock makes the folder
                _lock = FolderLock.Take(folder);
            if (_lock?.LeftBy is { } other)
                warn?.Invoke($"{folder}: {other} did not end in order; if it still runs there, end one of the two");
            if (_ranks.IsFirst)
                Resume(warn);
            (_seen, _earlierSeconds) = _ranks.ShareState(_network, _optimizer, _averages, _seen, _earlierSeconds);
            _saved = _ranks.Any(_saved >= 0) ? _seen : -1;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Images seen so far.</summary>
    public long ImagesSeen => _seen;

    /// <summary>Told at every validation.</summary>
    public IProgress<ValidationStatus>? Validated { get; init; }

    /// <summary>The network in training; its weights are the current ones, not the average.</summary>
    public PreconditionedNetwork Network => _network;

    /// <summary>
    /// Trains until the run's images are seen, the token is cancelled or a file <c>suspend</c> is in the folder (it is then removed); ends with a checkpoint in
    /// every case.
    /// </summary>
    /// <param name="progress">Told at every status.</param>
    /// <param name="cancellation">Ends the run after the current step.</param>
    /// <exception cref="DivergenceException">The loss left all bounds for good; the last checkpoint is from before.</exception>
    /// <exception cref="DataFormatException">The folder cannot be written any more, or was taken away.</exception>
    public void Run(IProgress<TrainingStatus>? progress = null, CancellationToken cancellation = default)
    {
        try
        {
            Train(progress, cancellation);
        }
        catch (Exception e) when (e is DataFormatException or IOException && FolderIsGone)
        {
            throw Gone(e); // whichever file it was
        }
    }

    private void Train(IProgress<TrainingStatus>? progress, CancellationToken cancellation)
    {
        var loaderOptions = new LoaderOptions
        {
            BatchSize = _options.Batch,
            Seed = _options.Seed,
            StartCounter = _seen,
            HorizontalFlip = _options.HorizontalFlip && _options.Augmentation == 0,
        };
        using var loader = new PrefetchingLoader(_images, _ranks.PartOf(loaderOptions));
        var step = new TrainingStep(_network, _options, _parameters.Values.device, _ranks.First);
        var clock = Stopwatch.StartNew();
        var window = new StatusWindow(_seen, clock.Elapsed);
        var watch = new DivergenceWatch();
        using var events = _ranks.IsFirst ? new RunEvents(_folder, _seen) : null;
        if (_ranks.IsFirst)
            CodeVersion.Append(_folder, _seen, _parameters.Values.device.ToString());
        if (_saved < 0)
            SaveCheckpoint(0); // to go back to if the run diverges before its first checkpoint
        while (_seen < _options.Images && !_ranks.Any(StopRequested(cancellation)))
        {
            using var pause = CollectionPause.Begin(BytesOfAStep);
            var passes = new PassLosses[_options.Rounds];
            for (var round = 0; round < _options.Rounds; round++)
                passes[round] = step.Accumulate(loader.Next(CancellationToken.None));
            _ranks.Sum(_parameters.Gradients, passes);
            foreach (var pass in passes)
            {
                watch.Add(pass.Loss);
                window.Add(pass);
            }
            var rate = _options.LearningRate.OfStep(_seen, _options.StepImages, _options.Images);
            _seen += _options.StepImages;
            var beta = _options.Ema.Beta(_seen, _options.StepImages);
            window.Skipped += _optimizer.Step(rate, beta);
            _averages.Update(_seen, _options.StepImages);
            RequireFolder();
            if (watch.Diverged || (_seen >= _options.Images && watch.EndsDiverged))
                throw Diverged();
            if (Crossed(_options.StatusImages) || _seen >= _options.Images)
            {
                var status = window.Close(_seen, _options, rate, beta, clock.Elapsed, _earlierSeconds);
                if (_ranks.IsFirst)
                    _stats.Append(status);
                events?.Add(status);
                progress?.Report(status);
                window = new(_seen, clock.Elapsed);
            }
            if (_options.GridImages > 0 && Crossed(_options.GridImages) && events is not null)
                SaveGrid(events);
            if (_validation?.IsDue(_seen) == true)
            {
                clock.Stop(); // the time of training is that of training alone
                Validate(_validation, events, cancellation);
                clock.Start();
            }
            if (watch.InDoubt)
                continue; // nothing of it goes into a file
            if ((Crossed(_options.PowerEma.SnapshotImages) || _seen >= _options.Images) && _ranks.IsFirst)
                SaveSnapshots();
            if (Crossed(_options.CheckpointImages))
                SaveCheckpoint(clock.Elapsed.TotalSeconds);
        }
        if (_saved != _seen && (!watch.InDoubt || _seen >= _options.Images)) // a stop while in doubt resumes from before it
            SaveCheckpoint(clock.Elapsed.TotalSeconds);
        if (_ranks.IsFirst)
            File.Delete(Path.Combine(_folder, SuspendFile));
        _earlierSeconds += clock.Elapsed.TotalSeconds;
    }

    /// <summary>Writes the averaged weights as a network file.</summary>
    public void SaveAverage(string path) =>
        SaveNetwork(path, _optimizer.Average, new() { ["invfusion.images"] = _seen.ToString(CultureInfo.InvariantCulture) });

    private void SaveSnapshots()
    {
        foreach (var (std, weights) in _averages.Tracked)
            SaveNetwork(AverageSnapshot.PathOf(_folder, _seen, std), weights, AverageSnapshot.Metadata(new(_seen, std)));
    }

    private void SaveNetwork(string path, Tensor weights, Dictionary<string, string> metadata)
    {
        using var scope = NewDisposeScope();
        var state = _network.named_buffers().Select(b => KeyValuePair.Create(b.name, b.buffer)).Concat(_parameters.Named(weights));
        metadata[NetworkFile.LossKey] = _options.Loss.Kind.ToString();
        metadata[NetworkFile.DegradationsKey] = string.Join(",", _options.Degradations);
        metadata[NetworkFile.NoiseKey] = TrainedWith.NoiseText(_options.SigmaY, _options.SigmaYMax ?? _options.SigmaY);
        NetworkFile.Save(path, _options.Network, state, metadata: metadata);
    }

    private void SaveGrid(RunEvents events)
    {
        using var average = new AverageInPlace(_parameters.Values, _optimizer.Average);
        var grid = new SampleGrid(_network, _options, _images, _codec).Draw($"{_seen} images");
        ImageEncoder.Save(grid, Path.Combine(_folder, $"grid-{_seen:D12}.png"));
        events.Add(_seen, grid);
    }

    // By all ranks; the first one writes. A stop leaves it out, and ends the run.
    private void Validate(RunValidation validation, RunEvents? events, CancellationToken cancellation)
    {
        using var average = new AverageInPlace(_parameters.Values, _optimizer.Average);
        if (validation.Measure(_network, _seen, () => StopRequested(cancellation)) is not { } status)
            return;
        if (_ranks.IsFirst)
        {
            RequireFolder();
            _stats.Append(status);
        }
        events?.Add(status);
        Validated?.Report(status);
    }

    private bool StopRequested(CancellationToken cancellation) =>
        cancellation.IsCancellationRequested || File.Exists(Path.Combine(_folder, SuspendFile));

    // Writing would make the folder anew, with nothing in it that a run could be resumed from.
    private void RequireFolder()
    {
        if (FolderIsGone)
            throw Gone(null);
    }

    private bool FolderIsGone => _ranks.IsFirst && !File.Exists(Path.Combine(_folder, OptionsFile));

    private DivergenceException Diverged() =>
        new(
            $"training diverged: at image {_seen} the loss was above {DivergenceWatch.DivergedLoss:G} or no number in a quarter of the last passes and more; the checkpoint in {_folder} is from before: start a new run with a lower learning rate and warmStart {Path.Combine(_folder, AverageFile)}"
        );

    private DataFormatException Gone(Exception? cause) =>
        new(
            $"{_folder}: the run folder was removed or moved under way (no {OptionsFile} at image {_seen}); put it back and go on with 'train --resume', or start in another folder",
            cause
        );

    private bool Crossed(long interval) => _seen / interval != (_seen - _options.StepImages) / interval;

    private void SaveCheckpoint(double seconds)
    {
        _ranks.RequireEqual(_parameters.Values, _optimizer.Average, _seen);
        _saved = _seen;
        if (!_ranks.IsFirst)
            return;
        RequireFolder();
        TrainingCheckpoint.Save(
            TrainingCheckpoint.PathOf(_folder, _seen),
            _network,
            _optimizer,
            _averages,
            _seen,
            _earlierSeconds + seconds
        );
        SaveAverage(Path.Combine(_folder, AverageFile));
        TrainingCheckpoint.Prune(_folder, _options.KeepCheckpoints);
        if (_seen > 0)
            File.Delete(TrainingCheckpoint.PathOf(_folder, 0));
    }

    private void Resume(Action<string>? warn)
    {
        var optionsPath = Path.Combine(_folder, OptionsFile);
        var checkpoints = TrainingCheckpoint.Find(_folder);
        var data = TrainingData.Of(_options.Data, _images);
        if (checkpoints.Length > 0 && File.Exists(optionsPath))
        {
            var saved = TrainingOptions.FromJson(File.ReadAllText(optionsPath), optionsPath);
            var known = TrainingData.Load(_folder);
            // Where the images are known, their path does not matter.
            _options.CheckResumable(known is null ? saved : saved with { Data = _options.Data }, _folder);
            known?.Require(data, _folder);
        }
        LoadNewest(checkpoints, warn);
        AtomicFile.WriteAllText(optionsPath, _options.ToJson());
        data.Save(_folder);
        _stats.TruncateAfter(_seen);
        AverageSnapshot.DropAfter(_folder, _seen);
    }

    private void LoadNewest(string[] checkpoints, Action<string>? warn)
    {
        var damaged = new List<(string Path, string Problem)>();
        foreach (var checkpoint in checkpoints)
        {
            try
            {
                (_seen, _earlierSeconds) = TrainingCheckpoint.Load(checkpoint, _network, _optimizer, _averages);
                break;
            }
            catch (DataFormatException e)
            {
                damaged.Add((checkpoint, e.Message));
            }
        }
        // A run that began anew here would write over what is left of this one.
        if (damaged.Count > 0 && damaged.Count == checkpoints.Length)
            throw new DataFormatException(
                $"{_folder}: no training state is whole ({damaged[0].Problem}); copy one back, or start in another folder with warmStart {Path.Combine(_folder, AverageFile)}"
            );
        foreach (var (path, problem) in damaged)
        {
            // Out of the way: the whole states that follow have smaller numbers and would be pruned before it.
            File.Move(path, path + ".damaged", overwrite: true);
            warn?.Invoke($"{problem}; passed over and renamed to .damaged");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _codec?.Dispose();
        _averages.Dispose();
        _optimizer.Dispose();
        _parameters.Dispose();
        _network.Dispose();
        _lock?.Dispose();
    }
}
