using System.Text.Json;
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
    public static void LoadProcedural(nn.Module module, string path, CancellationToken cancellation)
    {
        using var noGrad = no_grad();
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        var entries = document.RootElement.GetProperty("tensors").EnumerateArray().ToDictionary(e => e.GetProperty("name").GetString()!);
        var own = Match(module, entries.ToDictionary(e => e.Key, e => Shape(e.Value)));
        foreach (var (name, entry) in entries)
        {
            cancellation.ThrowIfCancellationRequested();
            if (entry.TryGetProperty("rule", out var rule)) // such buffers are computed by the module itself
            {
                if (rule.GetString() != "rope")
                    throw new DataFormatException($"{path}: the rule '{rule}' of {name} is not known");
                continue;
            }
            ProceduralTensor.Fill(own[name], name, entry.GetProperty("offset").GetDouble(), entry.GetProperty("amplitude").GetDouble());
            var first = entry.GetProperty("first").EnumerateArray().Select(v => v.GetSingle()).ToArray();
            using var ours = own[name].flatten()[..first.Length];
            if (!ours.data<float>().ToArray().AsSpan().SequenceEqual(first))
                throw new DataFormatException($"{path}: the formula gives other numbers for {name} than those listed");
        }
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
