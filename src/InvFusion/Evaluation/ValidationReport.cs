using System.Globalization;
using System.Text;
using InvFusion.Training.Validation;

namespace InvFusion.Evaluation;

/// <summary>What a validation measured of one or more models, as tables with bootstrap intervals of 95 % over images, and each model's differences to the first.</summary>
/// <remarks>Models are measured on the same x and y: the interval of a difference is that of the differences image by image.</remarks>
public sealed class ValidationReport
{
    private const string AllDegradations = "mean";

    private readonly List<(string Model, ValidationValues Values)> _models = [];

    /// <summary>Adds a model.</summary>
    /// <param name="model">What the tables call it.</param>
    /// <param name="values">Of the same images and degradations as the other models'; the noise levels may differ.</param>
    public void Add(string model, ValidationValues values)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (_models.Count > 0 && (values.Images != First.Images || !values.Degradations.SequenceEqual(First.Degradations)))
            throw new ArgumentException($"{model}: other images or degradations than the models before", nameof(values));
        _models.Add((model, values));
    }

    /// <summary>The models and their losses, the mean over the degradations.</summary>
    public IEnumerable<(string Model, ValidationValues Values, Estimate Loss)> Models =>
        _models.Select(m => (m.Model, m.Values, Estimate.Of(m.Values.Totals())));

    private ValidationValues First => _models[0].Values;

    /// <summary>Whether a difference of losses has a meaning: they are of the same levels.</summary>
    private bool SameLevels(ValidationValues values) => values.Sigmas.SequenceEqual(First.Sigmas);

    /// <summary>All tables: losses, their differences, and the squared errors of each model at each level.</summary>
    public string Markdown()
    {
        var text = new StringBuilder();
        text.Append(Table("loss (95 %)", _models.Select(m => m.Model), row => _models.Select(m => Cell(Loss(m.Values, row), "F4"))));
        var others = _models.Skip(1).Where(m => SameLevels(m.Values)).ToArray();
        if (others.Length > 0)
            text.Append('\n')
                .Append(
                    Table(
                        $"loss less that of {_models[0].Model} (95 %)",
                        others.Select(m => m.Model),
                        row => others.Select(m => Cell(Difference(Losses(m.Values, row), Losses(First, row)), "F5"))
                    )
                );
        foreach (var (model, values) in _models)
            text.Append('\n').Append(Errors(model, values));
        foreach (var (model, values) in _models.Skip(1).Where(m => !SameLevels(m.Values)))
            if (Common(values) is { Length: > 0 } common)
                text.Append('\n')
                    .Append(
                        Table(
                            $"mean squared error of {model} less that of {_models[0].Model} (95 %)",
                            common.Select(c => Text($"σ {values.Sigmas[c.Own]}")),
                            row => row is null ? null : common.Select(c => Cell(ErrorDifference(values, row.Value, c), "G3"))
                        )
                    );
        return text.ToString();
    }

    /// <summary>A line for each model, degradation and level: the mean squared error and λ(σ) times it; lines without a level have the loss.</summary>
    public string Csv() =>
        Lines(
            "model,degradation,sigma,lambda,weight,images,mse,mse_low,mse_high,loss,loss_low,loss_high",
            from m in _models
            from row in Rows
            from level in Levels(m.Values, row)
            select level is { } k ? Line(m.Model, m.Values, row!.Value, k) : Line(m.Model, m.Values, row)
        );

    /// <summary>The squared error of every image.</summary>
    /// <param name="names">The images' names.</param>
    public string ImagesCsv(IReadOnlyList<string> names) =>
        Lines(
            "model,degradation,sigma,image,name,squared_error",
            from m in _models
            from d in Enumerable.Range(0, First.Degradations.Count)
            from k in Enumerable.Range(0, m.Values.Sigmas.Count)
            from i in Enumerable.Range(0, m.Values.Images)
            select Text(
                $"{Quoted(m.Model)},{Quoted(First.Degradations[d].Text)},{m.Values.Sigmas[k]},{i},{Quoted(names[i])},{m.Values.Errors(d, k)[i]:G9}"
            )
        );

    /// <summary>Differences of each later model to the first, image by image: of the losses (no level) and of the squared errors at the levels of both.</summary>
    public string DifferencesCsv() =>
        Lines(
            "model,less,degradation,sigma,what,difference,low,high",
            from m in _models.Skip(1)
            from row in Rows
            from line in Differences(m.Model, m.Values, row)
            select line
        );

    private IEnumerable<string> Differences(string model, ValidationValues values, int? row)
    {
        var start = $"{Quoted(model)},{Quoted(_models[0].Model)},{Quoted(Name(row))}";
        if (row is { } d)
            foreach (var c in Common(values))
                yield return Text($"{start},{values.Sigmas[c.Own]},mse,{Numbers(ErrorDifference(values, d, c))}");
        if (SameLevels(values))
            yield return Text($"{start},,loss,{Numbers(Difference(Losses(values, row), Losses(First, row)))}");
    }

    // The degradations, and null for the mean over them.
    private IEnumerable<int?> Rows => Enumerable.Range(0, First.Degradations.Count).Select(d => (int?)d).Append(null);

    private static IEnumerable<int?> Levels(ValidationValues values, int? row) =>
        row is null ? [null] : Enumerable.Range(0, values.Sigmas.Count).Select(k => (int?)k).Append(null);

    private string Name(int? row) => row is { } d ? First.Degradations[d].Text : AllDegradations;

    private static double[] Losses(ValidationValues values, int? row) => row is { } d ? values.Losses(d) : values.Totals();

    private static Estimate Loss(ValidationValues values, int? row) => Estimate.Of(Losses(values, row));

    // Levels of both: (of the model, of the first).
    private (int Own, int OfFirst)[] Common(ValidationValues values) =>
        [
            .. from own in values.Sigmas.Index()
            from first in First.Sigmas.Index()
            where own.Item == first.Item
            select (own.Index, first.Index),
        ];

    private Estimate ErrorDifference(ValidationValues values, int degradation, (int Own, int OfFirst) level) =>
        Difference(values.Errors(degradation, level.Own), First.Errors(degradation, level.OfFirst));

    private static Estimate Difference(ReadOnlySpan<double> values, ReadOnlySpan<double> others)
    {
        var differences = values.ToArray();
        for (var i = 0; i < differences.Length; i++)
            differences[i] -= others[i];
        return Estimate.Of(differences);
    }

    private string Errors(string model, ValidationValues values) =>
        Line([$"mean squared error of {model} at σ", .. values.Sigmas.Select(s => Text($"{s}"))])
        + Line([.. Enumerable.Repeat("---", values.Sigmas.Count + 1)])
        + Line(["*λ(σ)*", .. values.Sigmas.Select(s => Text($"*{ValidationGrid.Lambda(s):G4}*"))])
        + Line(["*weight*", .. values.Weights.Select(w => Text($"*{w:F4}*"))])
        + string.Concat(
            Enumerable
                .Range(0, First.Degradations.Count)
                .Select(d => Line([Name(d), .. Enumerable.Range(0, values.Sigmas.Count).Select(k => Text($"{values.MeanError(d, k):G3}"))]))
        );

    private string Table(string corner, IEnumerable<string> titles, Func<int?, IEnumerable<string>?> cells)
    {
        string[] head = [corner, .. titles];
        var rows = Rows.Select(row => (Name: Name(row), Cells: cells(row))).Where(r => r.Cells is not null);
        return Line(head) + Line([.. head.Select(_ => "---")]) + string.Concat(rows.Select(r => Line([r.Name, .. r.Cells!])));
    }

    private static string Line(string[] cells) => $"| {string.Join(" | ", cells)} |\n";

    private string Line(string model, ValidationValues values, int degradation, int level)
    {
        var (sigma, mse) = (values.Sigmas[level], Estimate.Of(values.Errors(degradation, level).ToArray()));
        var lambda = ValidationGrid.Lambda(sigma);
        var loss = new Estimate(mse.Mean * lambda, mse.Low * lambda, mse.High * lambda);
        return Text(
            $"{Quoted(model)},{Quoted(Name(degradation))},{sigma},{lambda:G9},{values.Weights[level]:G9},{values.Images},{Numbers(mse)},{Numbers(loss)}"
        );
    }

    private string Line(string model, ValidationValues values, int? row) =>
        Text($"{Quoted(model)},{Quoted(Name(row))},,,,{values.Images},,,,{Numbers(Loss(values, row))}");

    private static string Lines(string head, IEnumerable<string> lines) => string.Concat(lines.Prepend(head).Select(l => l + "\n"));

    private static string Cell(Estimate e, string format) =>
        double.IsNaN(e.Low)
            ? e.Mean.ToString(format, CultureInfo.InvariantCulture)
            : string.Join(
                "",
                e.Mean.ToString(format, CultureInfo.InvariantCulture),
                " (",
                e.Low.ToString(format, CultureInfo.InvariantCulture),
                " to ",
                e.High.ToString(format, CultureInfo.InvariantCulture),
                ")"
            );

    private static string Numbers(Estimate e) => Text($"{e.Mean:G9},{e.Low:G9},{e.High:G9}");

    private static string Quoted(string text) => text.AsSpan().IndexOfAny(",\"\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"")}\"";

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
