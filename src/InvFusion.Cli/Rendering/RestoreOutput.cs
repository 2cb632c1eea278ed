using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Formats;
using InvFusion.Formats.IO;
using InvFusion.Formats.Numpy;
using InvFusion.Imaging;
using InvFusion.Restoration;
using static TorchSharp.torch;

namespace InvFusion.Cli.Rendering;

/// <summary>Writes what a restoration gave: samples, mean, spread, H⁺y, contact sheet and report.</summary>
internal sealed class RestoreOutput(string folder, LinearOperator op, Measurement measurement, RestoredImage restored)
{
    /// <summary>The report, which lists all files.</summary>
    public const string Record = "report.json";

    /// <summary>The picture that a person wants: the mean, which errs least, or the only image.</summary>
    public const string Restored = "restored.png";

    // Directions are shown up to this many standard deviations from the mean.
    private const int DirectionScale = 2;

    private readonly List<string> _files = [];

    /// <summary>Whether the principal directions are written as numbers too.</summary>
    public bool SaveDirections { get; init; }

    /// <summary>Writes everything; the report comes last, so that it is there only when all else is.</summary>
    public RestoreReport Write(RestoreReport report, string title)
    {
        ResultFolder.Clear(folder, Record); // nothing of an earlier run may stand beside new images
        var samples = Enumerable.Range(0, (int)restored.Samples.shape[0]).Where(Finished).ToArray();
        Save(Restored, restored.Mean);
        Save("pinv.png", restored.PseudoInverse);
        Save("mean.png", restored.Mean);
        if (!Samplers.Find(report.Method).PointEstimate)
            foreach (var i in samples)
                Save($"sample-{i:00}.png", restored.Samples[i]);
        if (samples.Length > 1)
            SavePicture("spread.png", Pictures.HeatMap(restored.Spread).Map);
        foreach (var (k, direction) in (restored.Directions?.unbind() ?? []).Index())
        {
            for (var times = 1; times <= DirectionScale; times++)
            {
                Save($"direction-{k:00}-minus{times}.png", restored.Mean - times * direction);
                Save($"direction-{k:00}-plus{times}.png", restored.Mean + times * direction);
            }
        }
        if (SaveDirections && restored.Directions is { } numbers)
            SaveNumbers("directions.npy", numbers);
        if (measurement.Truth is not null)
            Save("truth.png", measurement.Truth[0]);
        if (op.View(measurement.Values) is { } view && view.shape[2] is 1 or 3)
            Save("measurement.png", view[0, 0]);
        var filled = RestoreScores.Add(report, op, measurement, restored, samples);
        SavePicture("sheet.png", Sheet(filled, title, samples));
        filled = filled with { Files = [.. _files, Record] };
        AtomicFile.WriteAllText(Path.Combine(folder, Record), filled.ToJson());
        return filled;
    }

    private bool Finished(int sample) => restored.Samples[sample].isfinite().all().item<bool>();

    private RgbImage Sheet(RestoreReport report, string title, int[] samples)
    {
        var sheet = new ContactSheet
        {
            Title = title,
            Note =
                $"{report.Method}, {report.Steps} {(report.Steps == 1 ? "step" : "steps")}, {report.Seconds:0.0} s, {RestoreScores.Summary(report)}",
        };
        var cells = new List<SheetCell>();
        if (measurement.Truth is { } truth)
            cells.Add(new(Pictures.FromTensor(truth[0]), "truth"));
        if (op.View(measurement.Values) is { } view && view.shape[2] is 1 or 3)
            cells.Add(new(Pictures.FromTensor(view[0, 0]), "measured"));
        cells.Add(new(Pictures.FromTensor(restored.PseudoInverse), Caption("H⁺y", report.PseudoInverse)));
        cells.Add(new(Pictures.FromTensor(restored.Mean), Caption(samples.Length > 1 ? "mean" : "restored", report.Mean)));
        if (samples.Length > 1)
        {
            var (map, largest) = Pictures.HeatMap(restored.Spread);
            cells.Add(new(map, "standard deviation") { Scale = largest });
        }
        sheet.AddRow(null, cells);
        foreach (var row in samples.Length > 1 ? samples.Index().Chunk(cells.Count) : [])
            sheet.AddRow(
                null,
                row.Select(s => new SheetCell(
                    Pictures.FromTensor(restored.Samples[s.Item]),
                    Caption($"sample {s.Item}", report.SampleQuality?[s.Index])
                ))
            );
        foreach (var (k, direction) in (restored.Directions?.unbind() ?? []).Index())
            sheet.AddRow(
                FormattableString.Invariant($"direction {k}: 1 std is {report.DirectionDeviations![k]:0.00} in norm"),
                Enumerable
                    .Range(-DirectionScale, 2 * DirectionScale + 1)
                    .Select(times => new SheetCell(Pictures.FromTensor(restored.Mean + times * direction), $"{times:+0;-0;0} std"))
            );
        return sheet.Render();
    }

    private static string Caption(string name, Quality? quality) => quality is null ? name : $"{name}, {quality.Psnr:0.0} dB";

    private void Save(string name, Tensor image) => SavePicture(name, Pictures.FromTensor(image));

    private void SaveNumbers(string name, Tensor values)
    {
        using var scope = NewDisposeScope();
        var plain = values.cpu().to_type(ScalarType.Float32).contiguous();
        Npy.Write(Path.Combine(folder, name), new NpyArray(ElementType.F32, plain.shape, plain.bytes.ToArray()));
        _files.Add(name);
    }

    private void SavePicture(string name, RgbImage picture)
    {
        ImageEncoder.Save(picture, Path.Combine(folder, name));
        _files.Add(name);
    }
}
