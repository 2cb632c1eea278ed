using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>A degradation as text, for example <c>box:8,8,40,40</c>, <c>motion:stride=2,seed=3</c> or <c>gray+sr:2</c>; parsed once, built for any image shape.</summary>
/// <remarks>
/// <c>a+b</c> applies a, then b. What is random and has no seed of its own takes that of <see cref="Build"/>. See <see cref="SpecTable"/> for the names; the
/// public implementation's class names (<c>degradation.MotionBlur</c>) name the random families.
/// </remarks>
public sealed class DegradationSpec
{
    private const ulong SamplePurpose = 0xDE60;
    private const ulong BatchPurpose = 0xDE61;
    private const string MaskName = "mask:";

    private readonly IReadOnlyList<Part> _parts;
    private BlurBorder _openBorder = BlurBorder.Zero;
    private bool _framed;

    private DegradationSpec(string text, IReadOnlyList<Part> parts) => (Text, _parts) = (text, parts);

    /// <summary>The text that was parsed.</summary>
    public string Text { get; }

    /// <summary>The files that it names, masks, kernels and matrices: their content is part of what the degradation is.</summary>
    public IReadOnlyList<string> Files => [.. _parts.SelectMany(p => p.Files)];

    /// <summary>The text for people: files without their folders.</summary>
    public string Title => Files.Aggregate(Text, (text, file) => text.Replace(file, Path.GetFileName(file), StringComparison.Ordinal));

    /// <summary>The <see cref="LinearOperator.WindowStep"/> of every operator that this builds; null where they are not local.</summary>
    public int? WindowStep => _parts.Aggregate((int?)1, (product, part) => product * part.WindowStep);

    /// <summary>
    /// Whether it is given in pixels of the picture that is measured (a file of a mask, kernel or matrix, a blur's width, a box): a picture must not be resized before
    /// it is taken for the measurement.
    /// </summary>
    public bool OwnPixels => _parts.Any(p => p.OwnPixels);

    /// <summary>Whether it has a kernel whose border is left open: see <see cref="ForPhotograph"/>.</summary>
    public bool OpenBorder => _parts.Any(p => p.OpenBorder);

    /// <summary>
    /// The same for a photograph that was measured: kernels without <c>border=</c> have the given one, and nothing outside the frame is measured. Otherwise they have
    /// zeros around the image and the tails of the blur are measured too, as in training.
    /// </summary>
    /// <param name="border">What lies beyond the photograph's frame; nothing is known of it unless something is.</param>
    public DegradationSpec ForPhotograph(BlurBorder border = BlurBorder.Valid) =>
        new(Text, _parts) { _openBorder = border, _framed = true };

    /// <summary>Reads a specification.</summary>
    /// <param name="text">One or more degradations, joined by +.</param>
    /// <exception cref="ConfigurationException">A name, key or value is wrong; the message names it and what is allowed.</exception>
    public static DegradationSpec Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new DegradationSpec(text, [.. Split(text.Trim()).Select(p => ParsePart(text, p))]);
    }

    /// <summary>The operator for images of one shape.</summary>
    /// <param name="image">Shape of one image.</param>
    /// <param name="batch">Number of samples; a degradation that is not random serves them all with one operator.</param>
    /// <param name="seed">Where random degradations come from, unless they name a seed themselves. Sample i does not depend on the batch.</param>
    /// <param name="device">Where the operator lives; the CPU when null.</param>
    /// <returns>An operator that the caller owns.</returns>
    /// <exception cref="ConfigurationException">The degradation does not fit the image.</exception>
    /// <exception cref="DataFormatException">A file that it names cannot be used.</exception>
    public LinearOperator Build(ImageShape image, int batch = 1, ulong seed = 0, Device? device = null)
    {
        using var turn = TorchTurn.Take();
        using var scope = NewDisposeScope();
        LinearOperator? result = null;
        try
        {
            for (var i = 0; i < _parts.Count; i++)
            {
                var shape = result is null
                    ? image
                    : result.MeasurementShape ?? throw new ArgumentException($"nothing can follow '{_parts[i - 1].Text}'");
                var own = _parts[i].Seed ?? seed;
                var samples = Enumerable.Range(0, batch).Select(b => new RandomStream(own, SamplePurpose, (ulong)i, (ulong)b)).ToArray();
                var request = new SpecRequest(shape, samples, new RandomStream(own, BatchPurpose, (ulong)i), device, _openBorder, _framed);
                var next = _parts[i].Build(request);
                result = result is null ? next : new CompositionOperator(result, next);
            }
            return result!;
        }
        catch (ArgumentException e)
        {
            result?.Dispose();
            throw new ConfigurationException($"degradation '{Text}': {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <summary>Whether it is <c>none</c>, which is for training and for draws without a measurement.</summary>
    public bool MeasuresNothing => _parts.Any(p => p.Name == "none");

    /// <summary>The names of its degradations in the table, in the order in which they are applied.</summary>
    internal IReadOnlyList<string> Names => [.. _parts.Select(p => p.Name)];

    /// <summary>Whether a name is in the table.</summary>
    internal static bool Knows(string name) => SpecTable.Find(name.Trim()) is not null;

    /// <summary>What is odd about the files that it names, one line each: a mask that keeps nothing or everything.</summary>
    /// <exception cref="DataFormatException">A file that it names cannot be used.</exception>
    public IReadOnlyList<string> Notices() =>
        [
            .. _parts
                .Where(p => p.Text.StartsWith(MaskName, StringComparison.Ordinal))
                .Select(p => SpecFiles.MaskNotice(p.Text[MaskName.Length..].Trim()))
                .OfType<string>(),
        ];

    /// <inheritdoc/>
    public override string ToString() => Text;

    private static Part ParsePart(string whole, string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var name = (colon < 0 ? text : text[..colon]).Trim();
        var entry =
            SpecTable.Find(name)
            ?? throw new ConfigurationException(
                $"degradation '{whole}': '{name}' is unknown, choose from {string.Join(", ", SpecTable.Names)}"
            );
        var arguments = new SpecArguments(text, colon < 0 ? "" : text[(colon + 1)..].Trim(), entry.Keys);
        return new Part(text, entry.Name, arguments.Seed(), entry.Parse(arguments), entry.WindowStep?.Invoke(arguments), arguments.Files)
        {
            OwnPixels = entry.OwnPixels?.Invoke(arguments) ?? false,
            OpenBorder = entry.Name != "blur" && arguments.Keys.Contains("border") && !arguments.Has("border"),
        };
    }

    // At every + that a known name follows: a file name may hold others.
    private static IEnumerable<string> Split(string text)
    {
        var start = 0;
        for (var i = text.IndexOf('+', StringComparison.Ordinal); i >= 0; i = text.IndexOf('+', i + 1))
        {
            var name = text[(i + 1)..].Split(':', '+')[0].Trim();
            var insideFile = text[start..i].Contains(':', StringComparison.Ordinal) && SpecTable.Find(name) is null;
            if (insideFile)
                continue;
            yield return text[start..i].Trim();
            start = i + 1;
        }
        yield return text[start..].Trim();
    }

    private sealed record Part(
        string Text,
        string Name,
        ulong? Seed,
        Func<SpecRequest, LinearOperator> Build,
        int? WindowStep,
        IReadOnlyList<string> Files
    )
    {
        public bool OwnPixels { get; init; }

        public bool OpenBorder { get; init; }
    }
}
