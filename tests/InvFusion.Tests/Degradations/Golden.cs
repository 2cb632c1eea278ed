using System.Text.Json;
using InvFusion.Degradations;
using InvFusion.Formats.Numpy;
using InvFusion.Testing;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

/// <summary>One recorded case of the public implementation: its settings, tensors and random draws.</summary>
internal sealed class Golden
{
    private readonly string _folder;

    public Golden(string name)
    {
        _folder = Path.Combine([Goldens.Folder, .. name.Split('/')]);
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder, "case.json")));
        Settings = json.RootElement.GetProperty("settings").Clone();
        if (!Settings.TryGetProperty("imshape", out var imageShape))
            return;
        var shape = imageShape.EnumerateArray().Select(v => v.GetInt32()).ToArray();
        (Batch, Image) = (shape[0], new ImageShape(shape[1], shape[2], shape[3]));
    }

    public JsonElement Settings { get; }

    public int Batch { get; }

    public ImageShape Image { get; }

    public int Stride => Settings.TryGetProperty("stride", out var v) ? v.GetInt32() : 1;

    public bool MixColor => Settings.TryGetProperty("mix_color", out var v) && v.GetBoolean();

    public static bool Exists(string name) => File.Exists(Path.Combine([Goldens.Folder, .. name.Split('/'), "case.json"]));

    public bool Has(string name) => File.Exists(FileOf(name));

    public float[] Values(string name) => Npy.Read(FileOf(name)).ToSingles();

    public long[] Shape(string name) => Npy.Read(FileOf(name)).Shape;

    public Tensor Tensor(string name) => tensor(Values(name)).reshape(Shape(name));

    public LinearOperator Operator() =>
        OperatorReplay.FromTensors(Image, n => Has(n) ? Tensor(n) : null, Settings.GetProperty("degradation").GetString(), Stride, MixColor)
        ?? throw new InvalidOperationException($"{_folder}: no operator");

    private string FileOf(string name) => Path.Combine(_folder, name + ".npy");
}
