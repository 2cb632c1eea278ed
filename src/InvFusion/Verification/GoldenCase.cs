using System.Text.Json;
using InvFusion.Formats.IO;
using static TorchSharp.torch;

namespace InvFusion.Verification;

/// <summary>One folder of vectors: what <c>case.json</c> says, and its tensors. Tensors are made in the current dispose scope.</summary>
internal sealed class GoldenCase
{
    private readonly string _folder;
    private readonly Dictionary<string, long[]> _listed = [];
    private readonly HashSet<string> _read = [];

    private GoldenCase(string folder, string name, JsonElement root, Device device)
    {
        (_folder, Name, Device) = (folder, name, device);
        Settings = root.GetProperty("settings");
        foreach (var tensor in root.GetProperty("tensors").EnumerateArray())
            _listed[tensor.GetProperty("name").GetString()!] = [.. tensor.GetProperty("shape").EnumerateArray().Select(n => n.GetInt64())];
    }

    /// <summary>The folder relative to the set, with slashes.</summary>
    public string Name { get; }

    /// <summary>Where <see cref="Tensor"/> puts the tensors, and networks belong.</summary>
    public Device Device { get; }

    /// <summary>What the case was made with.</summary>
    public JsonElement Settings { get; }

    /// <summary>Names of the case's tensors.</summary>
    public IReadOnlyCollection<string> TensorNames => _listed.Keys;

    /// <summary>Tensors that nothing has asked for; a verifier that forgets one is seen by this.</summary>
    public IEnumerable<string> Unread => _listed.Keys.Where(name => !_read.Contains(name));

    /// <summary>Opens a case.</summary>
    /// <exception cref="DataFormatException">There is no case, or its description cannot be read.</exception>
    public static GoldenCase Open(string folder, string name, Device? device = null)
    {
        var path = Path.Combine(folder, "case.json");
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return new GoldenCase(folder, name, document.RootElement.Clone(), device ?? CPU);
        }
        catch (Exception e) when (e is IOException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new DataFormatException($"{path} does not describe a case: {Names.Shown(e.Message)}", e);
        }
    }

    /// <summary>Another case, by its folder relative to this one.</summary>
    public GoldenCase Other(string relative) => Open(Path.GetFullPath(Path.Combine(_folder, relative)), $"{Name}/{relative}", Device);

    /// <summary>The path of a file of the case.</summary>
    public string PathOf(string relative) => Path.GetFullPath(Path.Combine(_folder, relative));

    /// <summary>Whether the case has this tensor.</summary>
    public bool Has(string tensor) => _listed.ContainsKey(tensor);

    /// <summary>Whether the case has this file.</summary>
    public bool HasFile(string relative) => File.Exists(PathOf(relative));

    /// <summary>Whether the case has this setting, and it is not null.</summary>
    public bool HasSetting(string name) => Settings.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>A tensor of the case on its device; it must have the shape that <c>case.json</c> gives.</summary>
    public Tensor Tensor(string name) => Stored(name).to(Device);

    /// <summary>The same on the CPU, for what reads its values one by one.</summary>
    public Tensor Stored(string name)
    {
        if (!_listed.TryGetValue(name, out var shape))
            throw new DataFormatException($"case {Name} has no tensor {name}");
        _read.Add(name);
        var tensor = TensorFile.ReadNpy(PathOf($"{name}.npy"));
        if (!tensor.shape.AsSpan().SequenceEqual(shape))
            throw new DataFormatException(
                $"{Name}/{name}.npy is [{string.Join(", ", tensor.shape)}] and case.json says [{string.Join(", ", shape)}]"
            );
        return tensor;
    }

    /// <summary>The tensors of a safetensors file of the case.</summary>
    public Dictionary<string, Tensor> Tensors(string file) => TensorFile.ReadSafetensors(PathOf(file));

    /// <summary>Says that a part of the case is not covered, so that its tensors are not missed.</summary>
    public void LeaveOut(Comparison comparison, string part, string reason, params IEnumerable<string> tensors)
    {
        comparison.NotCovered(part, reason);
        _read.UnionWith(tensors);
    }
}
