using System.Runtime.CompilerServices;
using InvFusion.Runtime;

namespace InvFusion.Tests.Diffusion;

/// <summary>Tests that share this collection never run at the same time: they count live tensors.</summary>
internal static class TorchTests
{
    public const string Collection = "torch";

#pragma warning disable CA2255 // a test assembly is an application: libtorch must be there before the first test class is made
    [ModuleInitializer]
    public static void Start() => TorchRuntime.Initialize();
#pragma warning restore CA2255
}
