namespace InvFusion.Training;

/// <summary>Gathers what a line of statistics averages over.</summary>
internal sealed class StatusWindow(long startImages, TimeSpan start)
{
    private PassLosses _sum;
    private int _passes;

    /// <summary>Gradients that were NaN or infinite.</summary>
    public long Skipped { get; set; }

    public void Add(PassLosses pass)
    {
        _sum += pass;
        _passes++;
    }

    public TrainingStatus Close(long images, TrainingOptions options, double rate, double beta, TimeSpan now, double earlierSeconds)
    {
        var mean = _sum / _passes;
        var directions = options.Loss.Kind == LossKind.Nppc;
        return new()
        {
            Images = images,
            TotalImages = options.Images,
            Loss = mean.Loss,
            Consistency = mean.Consistency,
            DirectionLoss = directions ? mean.Direction : null,
            VarianceLoss = directions ? mean.Variance : null,
            LearningRate = rate,
            EmaBeta = beta,
            SecondsPerKimg = (now - start).TotalSeconds / (images - startImages) * 1000,
            Seconds = earlierSeconds + now.TotalSeconds,
            MemoryMegabytes = Environment.WorkingSet / 1e6,
            SkippedGradients = Skipped,
        };
    }
}
