using InvFusion.Data;

namespace InvFusion.Cli.Rendering;

/// <summary>The progress of a pass over images, for a <see cref="Reporter"/>.</summary>
internal sealed class ImageProgress(IProgress<(double Done, double Total)> target) : IProgress<DataProgress>
{
    public void Report(DataProgress value) => target.Report((value.Done, value.Total));
}
