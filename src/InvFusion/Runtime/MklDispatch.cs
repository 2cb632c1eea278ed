using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace InvFusion.Runtime;

/// <summary>
/// libtorch's float32 products are MKL's, which takes its fast kernels only where it believes to run on an Intel processor, whatever the processor can do: on others
/// they are 15 to 30 % slower. This makes its two questions answer yes, in this process's memory alone. INVFUSION_MKL=plain leaves it as it is.
/// </summary>
internal static class MklDispatch
{
    private const string Intel = "GenuineIntel";

    // mov eax, 1; ret
    private static readonly byte[] AnswerYes = [0xB8, 1, 0, 0, 0, 0xC3];

    /// <summary>Does it where it helps and the system allows it; call it before the first product.</summary>
    public static void TakeFastKernels()
    {
        if (!OperatingSystem.IsLinux() || !X86Base.IsSupported || !Avx2.IsSupported || Vendor() == Intel)
            return;
        if (Environment.GetEnvironmentVariable("INVFUSION_MKL") == "plain")
            return;
        foreach (var question in (string[])["mkl_serv_intel_cpu_true", "mkl_serv_intel_cpu"])
            if (NativeTorch.Symbol(question) is { } function)
                MachineCode.Overwrite(function, AnswerYes); // a hardened system refuses: all works, only slower
    }

    private static string Vendor()
    {
        var (_, b, c, d) = X86Base.CpuId(0, 0);
        Span<int> name = [b, d, c];
        return System.Text.Encoding.ASCII.GetString(MemoryMarshal.AsBytes(name));
    }
}
