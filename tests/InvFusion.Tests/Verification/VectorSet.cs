using System.Runtime.CompilerServices;
using InvFusion.Testing;

namespace InvFusion.Tests.Verification;

/// <summary>Says at the start which set of vectors the tests run: a pass with the selection means less than one with the whole set.</summary>
internal static class VectorSet
{
    public static string Name => Goldens.Whole is null ? "the selection in the repository" : "the whole set beside the repository";

#pragma warning disable CA2255 // a test assembly is an application
    [ModuleInitializer]
    public static void Announce() => Console.WriteLine($"vectors: {Name}, {Goldens.Folder}");
#pragma warning restore CA2255
}
