using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using InvFusion.Runtime;
// Rows, bytes between them, panel, pairs, sums, bytes between rows of sums.
using unsafe TileCode = delegate* unmanaged[Cdecl, SuppressGCTransition]<void*, nint, void*, nint, float*, nint, void>;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// A tile of a bfloat16 product whose sums stay in registers, in float32: up to eight rows and thirty-two columns. Processors have had an instruction for it
/// (AVX512-BF16) for years, .NET has none, so that its loop is written in machine code; a row's sums do not depend on the rows beside it.
/// </summary>
internal static unsafe class Bfloat16Tile
{
    /// <summary>Columns of a tile: a panel of the right factor.</summary>
    public const int Columns = 32;

    /// <summary>Most rows of a tile.</summary>
    public const int MostRows = 8;

    // Registers of the code: sums in 0 … 15, the numbers of a row, two vectors of a panel.
    private const int Row = 28;
    private const int First = 30;
    private const int Second = 31;

    private static readonly TileCode[] Code = Make();

    /// <summary>Whether the processor has the instruction and nothing better, and the system allows code to be made.</summary>
    public static bool IsSupported => Code.Length > 0;

    /// <summary>sums[r, c] = Σ a[r, k] b[k, c].</summary>
    /// <param name="rows">1 to <see cref="MostRows"/>.</param>
    /// <param name="a">The first row.</param>
    /// <param name="stride">From a row to the next, in numbers.</param>
    /// <param name="panel">Pairs of b's rows one behind the other, <c>[pairs, 32, 2]</c>.</param>
    /// <param name="pairs">Half of the length of a row; at least 1.</param>
    /// <param name="sums">The first of the sums' rows of 32.</param>
    /// <param name="sumStride">From a row of sums to the next, in numbers.</param>
    public static void Run(int rows, Bfloat16Lane* a, int stride, Bfloat16Lane* panel, int pairs, float* sums, int sumStride = Columns) =>
        Code[rows - 1](a, stride * sizeof(Bfloat16Lane), panel, pairs, sums, sumStride * sizeof(float));

    private static TileCode[] Make()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64 || !HasInstruction())
            return [];
        var starts = new int[MostRows];
        var assembler = new VectorAssembler();
        for (var rows = 1; rows <= MostRows; rows++)
        {
            starts[rows - 1] = assembler.Position;
            Write(assembler, rows);
        }
        var memory = MachineCode.Load(assembler.Code);
        if (memory == 0)
            return [];
        var made = new TileCode[MostRows];
        for (var i = 0; i < MostRows; i++)
            made[i] = (TileCode)(memory + starts[i]);
        return made;
    }

    // Leaf 7, subleaf 1, bit 5 of eax; with AVX-512 on, the system saves its registers. Where there is AMX (subleaf 0, bit 22 of edx), libtorch's products take that,
    // and are faster still.
    private static bool HasInstruction() =>
        Avx512BW.IsSupported && (X86Base.CpuId(7, 1).Eax >> 5 & 1) != 0 && (X86Base.CpuId(7, 0).Edx >> 22 & 1) == 0;

    // rdi: rows 0 … 3, rax: 4 … 7; rsi: from a row to the next, r11: three of it; rdx: panel; rcx: pairs left; r8: sums, r9: from a row of them to the next.
    private static void Write(VectorAssembler to, int rows)
    {
        to.Address(Register.R11, new(Register.Rsi, Register.Rsi, 1));
        to.Address(Register.Rax, new(Register.Rdi, Register.Rsi, 2));
        for (var i = 0; i < 2 * rows; i++)
            to.Clear(i);
        var loop = to.Position;
        to.Load(First, Register.Rdx, 0);
        to.Load(Second, Register.Rdx, 1);
        for (var r = 0; r < rows; r++)
        {
            var numbers = Row + r % 2;
            to.Broadcast(numbers, Place(r));
            to.AddProducts(2 * r, numbers, First);
            to.AddProducts(2 * r + 1, numbers, Second);
        }
        to.Add(Register.Rdi, 4);
        to.Add(Register.Rax, 4);
        to.Add(Register.Rdx, 2 * Columns * sizeof(Bfloat16Lane));
        to.CountDown(Register.Rcx, loop);
        for (var r = 0; r < rows; r++)
        {
            to.Store(2 * r, Register.R8, 0);
            to.Store(2 * r + 1, Register.R8, 1);
            to.Address(Register.R8, new(Register.R8, Register.R9));
        }
        to.Return();
    }

    private static Address Place(int row)
    {
        var start = row < 4 ? Register.Rdi : Register.Rax;
        return (row % 4) switch
        {
            0 => new(start),
            1 => new(start, Register.Rsi),
            2 => new(start, Register.Rsi, 1),
            _ => new(start, Register.R11),
        };
    }
}
