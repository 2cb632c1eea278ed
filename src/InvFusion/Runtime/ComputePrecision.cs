using static TorchSharp.torch;

namespace InvFusion.Runtime;

/// <summary>Chooses the type of matrix products.</summary>
public static class ComputePrecision
{
    private static readonly Lazy<bool> FastBfloat16 = new(DetectFastBfloat16);

    /// <summary>The type that a <c>--precision</c> value means on a device.</summary>
    /// <param name="name"><c>auto</c>, <c>fp32</c> or <c>bf16</c>; auto is bf16 where the hardware gains from it.</param>
    /// <param name="device">The device, or null for the CPU.</param>
    /// <exception cref="ConfigurationException">Another name.</exception>
    public static ScalarType Parse(string name, Device? device = null) =>
        name switch
        {
            "fp32" => ScalarType.Float32,
            "bf16" => ScalarType.BFloat16,
            "auto" => device?.type == TorchSharp.DeviceType.CUDA || FastBfloat16.Value ? ScalarType.BFloat16 : ScalarType.Float32,
            _ => throw new ConfigurationException($"--precision {name}: unknown; use auto, fp32 or bf16"),
        };

    // .NET has no query for these instructions; where the system does not list them, float32 is the safe answer.
    private static bool DetectFastBfloat16()
    {
        const string Flags = "/proc/cpuinfo";
        try
        {
            return File.Exists(Flags) && File.ReadLines(Flags).Any(l => l.Contains(" avx512_bf16") || l.Contains(" amx_bf16"));
        }
        catch (IOException)
        {
            return false;
        }
    }
}
