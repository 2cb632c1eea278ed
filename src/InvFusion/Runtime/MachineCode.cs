using System.Runtime.InteropServices;

namespace InvFusion.Runtime;

/// <summary>Memory that the processor runs, for the few instructions that .NET does not offer; on Linux.</summary>
internal static unsafe partial class MachineCode
{
    private const int Read = 1;
    private const int Write = 2;
    private const int Execute = 4;
    private const int PrivateAnonymous = 0x22;

    /// <summary>Puts code where it can run, for the life of the process.</summary>
    /// <returns>Its address; 0 where the system does not allow it.</returns>
    public static nint Load(ReadOnlySpan<byte> code)
    {
        if (!OperatingSystem.IsLinux())
            return 0;
        var memory = Map(0, (nuint)code.Length, Read | Write, PrivateAnonymous, -1, 0);
        if (memory == -1)
            return 0;
        code.CopyTo(new Span<byte>((void*)memory, code.Length));
        if (Protect(memory, (nuint)code.Length, Read | Execute) == 0)
            return memory;
        _ = Unmap(memory, (nuint)code.Length);
        return 0;
    }

    /// <summary>Replaces the first bytes of a function of a loaded library; leaves it as it is where the system does not allow it.</summary>
    public static void Overwrite(nint function, ReadOnlySpan<byte> code)
    {
        long page = Environment.SystemPageSize,
            start = function / page * page,
            length = (function + code.Length + page - 1) / page * page - start;
        if (Protect((nint)start, (nuint)length, Read | Write | Execute) != 0)
            return;
        code.CopyTo(new Span<byte>((void*)function, code.Length));
        _ = Protect((nint)start, (nuint)length, Read | Execute);
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(nint address, nuint length, int protection);
}
