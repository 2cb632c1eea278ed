using System.Text.Json;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Verification;

/// <summary>Puts stored or computed tensors into a module: every name must be there, with its exact shape, and none may be left over.</summary>
internal static class ModuleWeights
{
    /// <summary>Copies stored tensors.</summary>
    public static void Load(nn.Module module, IReadOnlyDictionary<string, Tensor> stored)
    {
        using var noGrad = no_grad();
        foreach (var (name, tensor) in Match(module, stored.ToDictionary(s => s.Key, s => s.Value.shape)))
            tensor.copy_(stored[name]);
    }

    /// <summary>Fills a module in place by the formula of a <c>weights_procedural.json</c>, and checks it by the sample numbers there.</summary>
    /// <param name="module">The module.</param>
    /// <param name="path">The file.</param>
    /// <param name="cancellation">Looked at between tensors.</param>
    /// <param name="leftOut">Tensors of the file that the module has in another form.</param>
    public static void LoadProcedural(nn.Module module, string path, CancellationToken cancellation, Func<string, bool>? leftOut = null)
    {
        using var noGrad = no_grad();
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        var entries = document
            .RootElement.GetProperty("tensors")
            .EnumerateArray()
            .Where(e => RuleOf(e) != "alias") // the same tensor under a second name
            .Select(e => (Name: e.GetProperty("name").GetString()!, Entry: e))
            .Where(e => leftOut?.Invoke(e.Name) != true)
            .ToDictionary(e => e.Name, e => e.Entry);
        var own = Match(module, entries.ToDictionary(e => e.Key, e => Shape(e.Value)));
        foreach (var (name, entry) in entries)
        {
            cancellation.ThrowIfCancellationRequested();
            if (RuleOf(entry) is { } rule)
            {
                ApplyRule(own[name], entry, rule, $"{path}: {name}");
                continue;
            }
            ProceduralTensor.Fill(own[name], name, entry.GetProperty("offset").GetDouble(), entry.GetProperty("amplitude").GetDouble());
            var first = entry.GetProperty("first").EnumerateArray().Select(v => v.GetSingle()).ToArray();
            using var ours = own[name].flatten()[..first.Length];
            if (!TensorMemory.Numbers<float>(ours).AsSpan().SequenceEqual(first))
                throw new DataFormatException($"{path}: the formula gives other numbers for {name} than those listed");
        }
    }

    private static string? RuleOf(JsonElement entry) => entry.TryGetProperty("rule", out var rule) ? rule.GetString() : null;

    private static void ApplyRule(Tensor target, JsonElement entry, string rule, string what)
    {
        if (rule == "rope")
            return; // computed by the module itself
        if (rule != "constant")
            throw new DataFormatException($"{what}: the rule '{rule}' is not known");
        using var values = tensor(entry.GetProperty("values").EnumerateArray().Select(v => v.GetDouble()).ToArray());
        using var shaped = values.view(target.shape);
        target.copy_(shaped);
    }

    private static Dictionary<string, Tensor> Match(nn.Module module, Dictionary<string, long[]> stored)
    {
        var own = module.state_dict();
        var missing = own.Keys.Except(stored.Keys).ToArray();
        var unknown = stored.Keys.Except(own.Keys).ToArray();
        if (missing.Length + unknown.Length > 0)
            throw new DataFormatException(
                $"the stored weights lack [{string.Join(", ", missing)}] and have [{string.Join(", ", unknown)}] that {module.GetName()} does not know"
            );
        foreach (var (name, tensor) in own)
            if (!tensor.shape.AsSpan().SequenceEqual(stored[name]))
                throw new DataFormatException(
                    $"{name} is [{string.Join(", ", tensor.shape)}] here and [{string.Join(", ", stored[name])}] in the stored weights"
                );
        return own;
    }

    private static long[] Shape(JsonElement entry) => [.. entry.GetProperty("shape").EnumerateArray().Select(n => n.GetInt64())];
}
