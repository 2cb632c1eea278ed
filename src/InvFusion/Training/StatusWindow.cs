namespace InvFusion.Training;

/// <summary>Gathers what a line of statistics averages over.</summary>
internal sealed class StatusWindow(long startImages, TimeSpan start)
{
    private double _loss;
    private double _consistency;
    private int _passes;

    /// <summary>Gradients that were NaN or infinite.</summary>
    public long Skipped { get; set; }

    public void Add((double Loss, double Consistency) pass)
    {
        _loss += pass.Loss;
        _consistency += pass.Consistency;
        _passes++;
    }

    public TrainingStatus Close(long images, long total, double rate, double beta, TimeSpan now, double earlierSeconds) =>
        new()
        {
            Images = images,
            TotalImages = total,
            Loss = _loss / _passes,
            Consistency = _consistency / _passes,
            LearningRate = rate,
            EmaBeta = beta,
            SecondsPerKimg = (now - start).TotalSeconds / (images - startImages) * 1000,
            Seconds = earlierSeconds + now.TotalSeconds,
            MemoryMegabytes = Environment.WorkingSet / 1e6,
            SkippedGradients = Skipped,
        };
}
