using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace InvFusion.Tests.Metrics;

/// <summary>The face network's two files with random weights, in the form of the published ones: most tensors quantised, those of 64 channels plain.</summary>
internal static class FaceFiles
{
    public const string Manifest = "face_recognition_model-weights_manifest.json";
    public const string Weights = "face_recognition_model.bin";

    // Name, inputs, outputs, side of the kernel; in the order of the published manifest.
    private static readonly (string Name, int Inputs, int Outputs, int Kernel)[] Convolutions =
    [
        ("conv32_down", 3, 32, 7),
        .. Blocks(32, 32, "1", "2", "3"),
        .. Blocks(32, 64, "down", "1", "2", "3"),
        .. Blocks(64, 128, "down", "1", "2"),
        .. Blocks(128, 256, "down", "1", "2"),
        .. Blocks(256, 256, "down_out"),
    ];

    /// <summary>Every tensor's name and shape.</summary>
    public static (string Name, int[] Shape)[] Tensors { get; } =
    [
        .. Convolutions.SelectMany<(string Name, int Inputs, int Outputs, int Kernel), (string, int[])>(c =>
            [
                ($"{c.Name}/conv/filters", [c.Kernel, c.Kernel, c.Inputs, c.Outputs]),
                ($"{c.Name}/conv/bias", [c.Outputs]),
                ($"{c.Name}/scale/weights", [c.Outputs]),
                ($"{c.Name}/scale/biases", [c.Outputs]),
            ]
        ),
        ("fc", [256, 128]),
    ];

    /// <summary>Writes both files.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="seed">Of the weights.</param>
    /// <returns>The weights by name, in C order.</returns>
    public static Dictionary<string, double[]> Write(string folder, int seed)
    {
        var random = new Random(seed);
        var (entries, values) = (new List<string>(), new Dictionary<string, double[]>());
        using var bytes = new MemoryStream();
        foreach (var (name, shape) in Tensors)
        {
            var (middle, bound) = Range(name, shape);
            var (scale, minimum) = (2 * bound / 255, middle - bound);
            var codes = new byte[shape.Aggregate(1, (a, b) => a * b)];
            random.NextBytes(codes);
            double[] decoded = [.. codes.Select(q => (double)(float)(q * scale + minimum))];
            var plain = name.StartsWith("conv64", StringComparison.Ordinal) && name.EndsWith("filters", StringComparison.Ordinal);
            bytes.Write(plain ? Singles(decoded) : codes);
            values[name] = decoded;
            var quantization = string.Create(
                CultureInfo.InvariantCulture,
                $$""","quantization":{"dtype":"uint8","scale":{{scale:R}},"min":{{minimum:R}}}"""
            );
            entries.Add($$"""{"name":"{{name}}","shape":[{{string.Join(',', shape)}}],"dtype":"float32"{{(plain ? "" : quantization)}}}""");
        }
        File.WriteAllText(
            Path.Combine(folder, Manifest),
            $$"""[{"weights":[{{string.Join(",\n", entries)}}],"paths":["{{Weights}}"]}]""",
            new UTF8Encoding()
        );
        File.WriteAllBytes(Path.Combine(folder, Weights), bytes.ToArray());
        return values;
    }

    // Weights that keep the size of a signal about the same from layer to layer.
    private static (double Middle, double Bound) Range(string name, int[] shape) =>
        name.EndsWith("scale/weights", StringComparison.Ordinal) ? (0.7, 0.3)
        : shape.Length > 1 ? (0, Math.Sqrt(6.0 / (shape.Aggregate(1, (a, b) => a * b) / shape[^1])))
        : (0, 0.1);

    private static byte[] Singles(double[] values)
    {
        var bytes = new byte[4 * values.Length];
        for (var i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(4 * i), (float)values[i]);
        return bytes;
    }

    private static IEnumerable<(string, int, int, int)> Blocks(int inputs, int outputs, params string[] names)
    {
        foreach (var name in names)
        {
            yield return ($"conv{outputs}_{name}/conv1", inputs, outputs, 3);
            yield return ($"conv{outputs}_{name}/conv2", outputs, outputs, 3);
            inputs = outputs;
        }
    }
}
