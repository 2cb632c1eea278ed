using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using InvFusion.Runtime;
using static TorchSharp.torch;
// Rows, bytes between them, panel, steps, sums, bytes between rows of sums.
using unsafe TileCode = delegate* unmanaged[Cdecl, SuppressGCTransition]<void*, nint, void*, nint, float*, nint, void>;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// A tile of a product whose sums stay in registers, in float32: up to eight rows and thirty-two columns. Processors have had an instruction for bfloat16
/// (AVX512-BF16) for years, .NET has none, so that its loop is written in machine code; that of float32 is the same but for one instruction. A row's sums do not
/// depend on the rows beside it.
/// </summary>
/// <typeparam name="T">Numbers of both factors: float32, or bfloat16, of which two are taken at a step.</typeparam>
internal static unsafe class ProductTile<T>
    where T : unmanaged, ILane<T>
{
    // Registers of the code: sums in 0 … 15, the numbers of a row, two vectors of a panel.
    private const int Row = 28;
    private const int First = 30;
    private const int Second = 31;

    private static readonly TileCode[] Code = Make();

    /// <summary>Numbers of a row that are taken at a step.</summary>
    public static int Depth => sizeof(float) / sizeof(T);

    /// <summary>Whether the processor has the instruction and, for bfloat16, nothing better, and the system allows code to be made.</summary>
    public static bool IsSupported => Code.Length > 0;

    /// <summary>sums[r, c] = Σ a[r, k] b[k, c].</summary>
    /// <param name="rows">1 to <see cref="ProductTile.MostRows"/>.</param>
    /// <param name="a">The first row.</param>
    /// <param name="stride">From a row to the next, in numbers.</param>
    /// <param name="panel">b, <c>[steps, 32, depth]</c>: as many of its rows together as a step takes.</param>
    /// <param name="steps">Length of a row / <see cref="Depth"/>; at least 1.</param>
    /// <param name="sums">The first of the sums' rows of 32.</param>
    /// <param name="sumStride">From a row of sums to the next, in numbers.</param>
    public static void Run(int rows, T* a, int stride, T* panel, int steps, float* sums, int sumStride = ProductTile.Columns) =>
        Code[rows - 1](a, stride * sizeof(T), panel, steps, sums, sumStride * sizeof(float));

    private static TileCode[] Make()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64 || !HasInstruction())
            return [];
        var starts = new int[ProductTile.MostRows];
        var assembler = new VectorAssembler();
        for (var rows = 1; rows <= starts.Length; rows++)
        {
            starts[rows - 1] = assembler.Position;
            Write(assembler, rows);
        }
        var memory = MachineCode.Load(assembler.Code);
        if (memory == 0)
            return [];
        var made = new TileCode[starts.Length];
        for (var i = 0; i < made.Length; i++)
            made[i] = (TileCode)(memory + starts[i]);
        return made;
    }

    // bfloat16: leaf 7, subleaf 1, bit 5 of eax; with AVX-512 on, the system saves its registers. Where there is AMX (subleaf 0, bit 22 of edx), libtorch's products
    // take that, and are faster still.
    private static bool HasInstruction() =>
        Avx512BW.IsSupported && (Depth == 1 || ((X86Base.CpuId(7, 1).Eax >> 5 & 1) != 0 && (X86Base.CpuId(7, 0).Edx >> 22 & 1) == 0));

    // rdi: rows 0 … 3, rax: 4 … 7; rsi: from a row to the next, r11: three of it; rdx: panel; rcx: steps left; r8: sums, r9: from a row of them to the next.
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
            AddProducts(to, 2 * r, numbers, First);
            AddProducts(to, 2 * r + 1, numbers, Second);
        }
        to.Add(Register.Rdi, sizeof(float));
        to.Add(Register.Rax, sizeof(float));
        to.Add(Register.Rdx, ProductTile.Columns * sizeof(float));
        to.CountDown(Register.Rcx, loop);
        for (var r = 0; r < rows; r++)
        {
            to.Store(2 * r, Register.R8, 0);
            to.Store(2 * r + 1, Register.R8, 1);
            to.Address(Register.R8, new(Register.R8, Register.R9));
        }
        to.Return();
    }

    private static void AddProducts(VectorAssembler to, int sum, int a, int b)
    {
        if (Depth == 2)
            to.AddPairProducts(sum, a, b);
        else
            to.AddProducts(sum, a, b);
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

/// <summary>Sizes of a tile, whatever its numbers are.</summary>
internal static class ProductTile
{
    /// <summary>Columns of a tile: a panel of the right factor.</summary>
    public const int Columns = 32;

    /// <summary>Most rows of a tile.</summary>
    public const int MostRows = 8;

    /// <summary>Whether there are tiles of numbers of a type.</summary>
    public static bool Supports(ScalarType dtype) =>
        dtype switch
        {
            ScalarType.Float32 => ProductTile<Float32Lane>.IsSupported,
            ScalarType.BFloat16 => ProductTile<Bfloat16Lane>.IsSupported,
            _ => false,
        };
}
