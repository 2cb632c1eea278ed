using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Evaluation;
using InvFusion.Formats.IO;
using InvFusion.Imaging;
using InvFusion.Restoration;
using static TorchSharp.torch;

namespace InvFusion.Cli.Rendering;

/// <summary>Writes what a restoration gave: samples, mean, spread, H⁺y, contact sheet and report.</summary>
internal sealed class RestoreOutput(string folder, LinearOperator op, Measurement measurement, RestoredImage restored)
{
    // Directions are shown up to this many standard deviations from the mean.
    private const int DirectionScale = 2;

    private readonly List<string> _files = [];

    /// <summary>Writes everything; the report comes last, so that it is there only when all else is.</summary>
    public RestoreReport Write(RestoreReport report, string title)
    {
        var reportPath = Path.Combine(folder, "report.json");
        File.Delete(reportPath); // that of an earlier run must not stand beside new images
        var samples = Enumerable.Range(0, (int)restored.Samples.shape[0]).Where(Finished).ToArray();
        Save("pinv.png", restored.PseudoInverse);
        Save("mean.png", restored.Mean);
        foreach (var i in samples)
            Save($"sample-{i:00}.png", restored.Samples[i]);
        SavePicture("spread.png", Pictures.HeatMap(restored.Spread).Map);
        foreach (var (k, direction) in (restored.Directions?.unbind() ?? []).Index())
        {
            Save($"direction-{k:00}-minus.png", restored.Mean - DirectionScale * direction);
            Save($"direction-{k:00}-plus.png", restored.Mean + DirectionScale * direction);
        }
        if (measurement.Truth is not null)
            Save("truth.png", measurement.Truth[0]);
        if (op.View(measurement.Values) is { } view && view.shape[2] is 1 or 3)
            Save("measurement.png", view[0, 0]);
        var filled = Score(report, samples);
        SavePicture("sheet.png", Sheet(filled, title, samples));
        filled = filled with { Files = [.. _files, "report.json"] };
        AtomicFile.WriteAllText(reportPath, filled.ToJson());
        return filled;
    }

    private bool Finished(int sample) => restored.Samples[sample].isfinite().all().item<bool>();

    private RestoreReport Score(RestoreReport report, int[] samples)
    {
        using var finished = stack(samples.Select(i => restored.Samples[i]), 0);
        var scored = report with { Consistency = Consistency.RootMeanSquare(op, finished, measurement.Values) };
        if (measurement.Truth is not { } truth)
            return scored;
        return scored with
        {
            PseudoInverse = Against(restored.PseudoInverse),
            Mean = Against(restored.Mean),
            SampleQuality = [.. samples.Select(i => Against(restored.Samples[i]))],
        };

        Quality Against(Tensor image) => new(ImageQuality.Psnr(image, truth[0]), ImageQuality.Ssim(image, truth[0]));
    }

    private RgbImage Sheet(RestoreReport report, string title, int[] samples)
    {
        var sheet = new ContactSheet
        {
            Title = title,
            Note = $"{report.Method}, {report.Steps} steps, {report.Seconds:0.0} s, consistency {report.Consistency.Average():0.000}",
        };
        var cells = new List<SheetCell>();
        if (measurement.Truth is { } truth)
            cells.Add(new(Pictures.FromTensor(truth[0]), "truth"));
        if (op.View(measurement.Values) is { } view && view.shape[2] is 1 or 3)
            cells.Add(new(Pictures.FromTensor(view[0, 0]), "measured"));
        cells.Add(new(Pictures.FromTensor(restored.PseudoInverse), Caption("H⁺y", report.PseudoInverse)));
        cells.Add(new(Pictures.FromTensor(restored.Mean), Caption("mean", report.Mean)));
        var (map, largest) = Pictures.HeatMap(restored.Spread);
        cells.Add(new(map, $"spread, max {largest:0.00}"));
        sheet.AddRow(null, cells);
        foreach (var row in samples.Index().Chunk(cells.Count))
            sheet.AddRow(
                null,
                row.Select(s => new SheetCell(
                    Pictures.FromTensor(restored.Samples[s.Item]),
                    Caption($"sample {s.Item}", report.SampleQuality?[s.Index])
                ))
            );
        foreach (var (k, direction) in (restored.Directions?.unbind() ?? []).Index())
            sheet.AddRow(
                $"direction {k}",
                Enumerable
                    .Range(-DirectionScale, 2 * DirectionScale + 1)
                    .Select(times => new SheetCell(Pictures.FromTensor(restored.Mean + times * direction), $"{times:+0;-0;0} std"))
            );
        return sheet.Render();
    }

    private static string Caption(string name, Quality? quality) => quality is null ? name : $"{name}, {quality.Psnr:0.0} dB";

    private void Save(string name, Tensor image) => SavePicture(name, Pictures.FromTensor(image));

    private void SavePicture(string name, RgbImage picture)
    {
        ImageEncoder.Save(picture, Path.Combine(folder, name));
        _files.Add(name);
    }
}
