using System.Globalization;
using InvFusion.Formats.TensorBoard;
using InvFusion.Imaging;
using InvFusion.Training.Validation;

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

    // The loss of each degradation, and the mean squared error at each level over all of them.
    public void Add(ValidationStatus s)
    {
        var degradations = s.Degradations.Select(d => KeyValuePair.Create($"validation_loss/{d.Key}", d.Value.Loss));
        var levels = s.Sigmas.Index().Select(k => KeyValuePair.Create(Level(k.Item), s.Degradations.Values.Average(d => d.Mse[k.Index])));
        _file.Scalars(s.Images, [KeyValuePair.Create("validation_loss", s.ValidationLoss), .. degradations, .. levels]);
    }

    private static string Level(double sigma) => string.Create(CultureInfo.InvariantCulture, $"validation_mse/sigma {sigma}");

    public void Add(long images, RgbImage grid) =>
        _file.Image(images, "grid", grid.Width, grid.Height, ImageEncoder.Encode(grid, "grid.png"));

    public void Dispose() => _file.Dispose();
}
