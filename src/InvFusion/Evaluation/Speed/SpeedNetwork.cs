using InvFusion.Formats.Safetensors;
using InvFusion.Models;
using InvFusion.Modules;
using static TorchSharp.torch;

namespace InvFusion.Evaluation.Speed;

/// <summary>A network whose speed is measured.</summary>
/// <param name="Name">What rows call it.</param>
/// <param name="Configuration">Its configuration.</param>
/// <param name="File">Its weights, or null for random ones.</param>
public sealed record SpeedNetwork(string Name, NetworkConfiguration Configuration, string? File = null)
{
    /// <summary>A preset with random weights.</summary>
    /// <exception cref="ConfigurationException">There is no preset of that name.</exception>
    public static SpeedNetwork OfPreset(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return new(name.ToLowerInvariant(), NetworkPresets.Get(name));
    }

    /// <summary>A trained model.</summary>
    /// <exception cref="DataFormatException">The file is no network.</exception>
    public static SpeedNetwork OfFile(string file)
    {
        using var weights = SafetensorsFile.Open(file);
        return new(Path.GetFileNameWithoutExtension(file), NetworkFile.ReadConfiguration(weights, file), file);
    }

    /// <summary>The network ready to evaluate, as every command that evaluates one has it; the caller's to dispose.</summary>
    /// <param name="type">Type of the matrix products.</param>
    internal PreconditionedNetwork Load(ScalarType type)
    {
        var network = File is null ? Random() : NetworkFile.Load(File);
        network.ComputeType = type;
        return network;
    }

    private PreconditionedNetwork Random()
    {
        manual_seed(SpeedRequest.Seed);
        var network = new PreconditionedNetwork(Configuration);
        return Parameters.Loaded(() => network, FillZeros);
    }

    /// <summary>Gives random values to weights that start at zero, so that nothing that is computed is a zero.</summary>
    internal static void FillZeros(nn.Module module)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        foreach (var weight in module.parameters().Where(p => p.dim() > 1 && p.count_nonzero().item<long>() == 0))
        {
            var bound = 0.5 / Math.Sqrt(weight.shape[1]);
            weight.uniform_(-bound, bound);
        }
    }
}
