using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using InvFusion.Cli.Rendering;
using InvFusion.Formats.Safetensors;

namespace InvFusion.Cli.Commands;

/// <summary><c>model diff</c>: how far the numbers of two network files, or two training states, are apart.</summary>
internal static class ModelDifference
{
    private readonly record struct Worst(double Value, string Tensor)
    {
        public Worst Or(double value, string tensor) => value > Value || double.IsNaN(value) ? new(value, tensor) : this;

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Value:E2} ({Tensor})");
    }

    public static Command Create()
    {
        var options = new SharedOptions();
        var first = new Argument<string>("first") { Description = "A network (a name or a file) or a training state" };
        var second = new Argument<string>("second") { Description = "Another of the same shapes" };
        var filter = new Option<string?>("--filter") { Description = "Only tensors whose name begins with this" };
        var absolute = new Option<double?>("--absolute") { Description = "Exit code 1 if any number differs by more" };
        var relative = new Option<double?>("--relative")
        {
            Description = "Exit code 1 if any number differs by more than this share of the largest one of its tensor",
        };
        var command = new Command("diff", "The largest difference between the numbers of two files")
        {
            first,
            second,
            filter,
            absolute,
            relative,
        };
        options.AddOutput(command);
        command.Add(options.Json);
        command.SetWork(
            (parsed, _) =>
            {
                var (a, b) = (ModelCatalog.Resolve(parsed.GetValue(first)!), ModelCatalog.Resolve(parsed.GetValue(second)!));
                var (tensors, difference, share) = Compare(a, b, parsed.GetValue(filter) ?? "");
                if (parsed.GetValue(options.Json))
                    JsonText.Print(
                        new JsonObject
                        {
                            ["tensors"] = tensors,
                            ["absolute"] = difference.Value,
                            ["absoluteTensor"] = difference.Tensor,
                            ["relative"] = share.Value,
                            ["relativeTensor"] = share.Tensor,
                        }
                    );
                else
                    Console.WriteLine(
                        $"{tensors} tensors; largest difference {difference}, as a share of its tensor's largest number {share}"
                    );
                // Written so that NaN counts as over.
                var within =
                    !(parsed.GetValue(absolute) is { } most && !(difference.Value <= most))
                    && !(parsed.GetValue(relative) is { } part && !(share.Value <= part));
                return within ? ExitCode.Success : ExitCode.Failure;
            }
        );
        return command;
    }

    private static (int Tensors, Worst Absolute, Worst Relative) Compare(string first, string second, string prefix)
    {
        using SafetensorsFile a = SafetensorsFile.Open(first),
            b = SafetensorsFile.Open(second);
        var names = a.Tensors.Keys.Concat(b.Tensors.Keys).Distinct().Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).ToArray();
        if (names.Length == 0)
            throw new DataFormatException($"{first}: no tensor's name begins with '{prefix}'");
        Worst absolute = new(-1, ""),
            relative = new(-1, "");
        foreach (var name in names)
        {
            if (!a.Tensors.TryGetValue(name, out var x) || !b.Tensors.TryGetValue(name, out var y))
                throw new DataFormatException($"{(a.Tensors.ContainsKey(name) ? second : first)}: has no '{name}', the other file has");
            if (!x.Shape.SequenceEqual(y.Shape))
                throw new DataFormatException(
                    $"{second}: '{name}' is [{string.Join(", ", y.Shape)}], in {first} [{string.Join(", ", x.Shape)}]; the networks differ"
                );
            var (difference, largest) = Largest(a.ReadSingles(name), b.ReadSingles(name));
            absolute = absolute.Or(difference, name);
            relative = relative.Or(difference == 0 ? 0 : difference / largest, name);
        }
        return (names.Length, absolute, relative);
    }

    private static (double Difference, double Largest) Largest(float[] x, float[] y)
    {
        double difference = 0,
            largest = 0;
        for (var i = 0; i < x.Length; i++)
        {
            difference = Math.Max(difference, Math.Abs((double)x[i] - y[i])); // Math.Max keeps NaN
            largest = Math.Max(largest, Math.Abs((double)x[i]));
        }
        return (difference, largest);
    }
}
