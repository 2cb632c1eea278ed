namespace InvFusion.Runtime;

/// <summary>Writes x86-64 code: the vector instructions of a product's inner loop (EVEX encoding, 512 bits) and what counts and moves on around them.</summary>
internal sealed class VectorAssembler
{
    private const int Opcode0F = 1;
    private const int Opcode0F38 = 2;
    private const int NoPrefix = 0;
    private const int Prefix66 = 1;
    private const int PrefixF3 = 2;
    private readonly List<byte> _code = [];

    /// <summary>Where the next instruction begins.</summary>
    public int Position => _code.Count;

    /// <summary>What was written.</summary>
    public byte[] Code => [.. _code];

    /// <summary>All bits of a vector register to 0.</summary>
    public void Clear(int register) => Registers(Opcode0F, Prefix66, 0xEF, register, register, register);

    /// <summary>Sixteen float32 from memory, vectors of 64 bytes behind the base.</summary>
    public void Load(int register, Register from, int vectors) => Memory(Opcode0F, NoPrefix, 0x10, register, 0, new(from), vectors);

    /// <summary>Sixteen float32 to memory.</summary>
    public void Store(int register, Register to, int vectors) => Memory(Opcode0F, NoPrefix, 0x11, register, 0, new(to), vectors);

    /// <summary>Four bytes from memory into every lane.</summary>
    public void Broadcast(int register, Address from) => Memory(Opcode0F38, Prefix66, 0x58, register, 0, from, 0);

    /// <summary>VFMADD231PS: in each lane, sum += ab of float32.</summary>
    public void AddProducts(int sum, int a, int b) => Registers(Opcode0F38, Prefix66, 0xB8, sum, a, b);

    /// <summary>VDPBF16PS: in each lane, sum += a₀b₀ + a₁b₁ of two pairs of bfloat16.</summary>
    public void AddPairProducts(int sum, int a, int b) => Registers(Opcode0F38, PrefixF3, 0x52, sum, a, b);

    /// <summary>to = base + index · scale.</summary>
    public void Address(Register to, Address of)
    {
        _code.AddRange([Rex(to, of), 0x8D]);
        ModRm((int)to & 7, of, 0);
    }

    /// <summary>register += number below 128 or, with a minus sign, above.</summary>
    public void Add(Register register, int number)
    {
        _code.Add((byte)(0x48 | (int)register >> 3));
        if (number is >= -128 and < 128)
            _code.AddRange([0x83, (byte)(0xC0 | (int)register & 7), (byte)number]);
        else
        {
            _code.AddRange([0x81, (byte)(0xC0 | (int)register & 7)]);
            _code.AddRange(BitConverter.GetBytes(number));
        }
    }

    /// <summary>register -= 1, and back to a position unless it is 0 then.</summary>
    public void CountDown(Register register, int position)
    {
        _code.AddRange([(byte)(0x48 | (int)register >> 3), 0xFF, (byte)(0xC8 | (int)register & 7), 0x0F, 0x85]);
        _code.AddRange(BitConverter.GetBytes(position - (_code.Count + 4)));
    }

    /// <summary>Leaves the upper halves of the vector registers clean, and returns.</summary>
    public void Return() => _code.AddRange([0xC5, 0xF8, 0x77, 0xC3]);

    private void Registers(int map, int prefix, byte opcode, int register, int other, int last)
    {
        Evex(map, prefix, register, other, last >> 3, last >> 4);
        _code.AddRange([opcode, (byte)(0xC0 | (register & 7) << 3 | last & 7)]);
    }

    private void Memory(int map, int prefix, byte opcode, int register, int other, Address at, int displacement)
    {
        Evex(map, prefix, register, other, (int)at.Base >> 3, at.Index is { } index ? (int)index >> 3 : 0);
        _code.Add(opcode);
        ModRm(register & 7, at, displacement);
    }

    // b and x: the fourth bits of base and index, or the fourth and fifth of the register in their place.
    private void Evex(int map, int prefix, int register, int other, int b, int x)
    {
        _code.Add(0x62);
        _code.Add((byte)((~register >> 3 & 1) << 7 | (~x & 1) << 6 | (~b & 1) << 5 | (~register >> 4 & 1) << 4 | map));
        _code.Add((byte)((~other & 15) << 3 | 4 | prefix));
        _code.Add((byte)(2 << 5 | (~other >> 4 & 1) << 3));
    }

    // A displacement of one byte counts in units of what is read.
    private void ModRm(int register, Address at, int displacement)
    {
        var needed = displacement != 0 || ((int)at.Base & 7) == 5;
        var mode = (needed ? 0x40 : 0) | register << 3;
        if (at.Index is { } index)
            _code.AddRange([(byte)(mode | 4), (byte)(at.Shift << 6 | ((int)index & 7) << 3 | (int)at.Base & 7)]);
        else
            _code.Add((byte)(mode | (int)at.Base & 7));
        if (needed)
            _code.Add((byte)displacement);
    }

    private static byte Rex(Register register, Address at) =>
        (byte)(0x48 | (int)register >> 3 << 2 | (at.Index is { } index ? (int)index >> 3 << 1 : 0) | (int)at.Base >> 3);
}

/// <summary>The registers that a function of Linux may use as it likes; its first six arguments come in rdi, rsi, rdx, rcx, r8 and r9.</summary>
internal enum Register
{
    Rax = 0,
    Rcx = 1,
    Rdx = 2,
    Rsi = 6,
    Rdi = 7,
    R8 = 8,
    R9 = 9,
    R11 = 11,
}

/// <summary>base + index · 2^shift.</summary>
internal readonly record struct Address(Register Base, Register? Index = null, int Shift = 0);
