using InvFusion.Formats.TensorBoard;
using InvFusion.Imaging;

namespace InvFusion.Training;

/// <summary>What a run tells TensorBoard: the numbers of its statistics and its grids of samples. A step is an image seen.</summary>
internal sealed class RunEvents(string folder, long images) : IDisposable
{
    private readonly EventFile _file = new(folder, images + 1);

    public void Add(TrainingStatus s)
    {
        (string Tag, double? Value)[] numbers =
        [
            ("loss", s.Loss),
            ("consistency", s.Consistency),
            ("direction_loss", s.DirectionLoss),
            ("variance_loss", s.VarianceLoss),
            ("learning_rate", s.LearningRate),
            ("ema_beta", s.EmaBeta),
            ("seconds_per_kimg", s.SecondsPerKimg),
            ("memory_megabytes", s.MemoryMegabytes),
            ("skipped_gradients", s.SkippedGradients),
        ];
        _file.Scalars(s.Images, numbers.Where(n => n.Value is not null).Select(n => KeyValuePair.Create(n.Tag, n.Value!.Value)));
    }

    public void Add(long images, RgbImage grid) =>
        _file.Image(images, "grid", grid.Width, grid.Height, ImageEncoder.Encode(grid, "grid.png"));

    public void Dispose() => _file.Dispose();
}
