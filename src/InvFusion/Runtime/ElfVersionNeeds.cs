using System.Buffers.Binary;
using System.Text;

namespace InvFusion.Runtime;

/// <summary>Edits the table of symbol versions that an ELF library demands of others (64-bit little endian).</summary>
internal static class ElfVersionNeeds
{
    private const uint SectionGnuVersionNeeds = 0x6ffffffe;
    private const ushort FlagWeak = 0x2;

    /// <summary>Marks every demand for <paramref name="version"/> as weak, so that the loader accepts a library without it.</summary>
    /// <returns>How many entries were marked.</returns>
    public static int Weaken(byte[] elf, string version)
    {
        var sections = (long)U64(elf, 0x28);
        int entrySize = U16(elf, 0x3A),
            count = U16(elf, 0x3C),
            marked = 0;
        for (var i = 0; i < count; i++)
        {
            var section = sections + (long)i * entrySize;
            if (U32(elf, section + 4) != SectionGnuVersionNeeds)
                continue;
            var strings = (long)U64(elf, sections + (long)U32(elf, section + 40) * entrySize + 24);
            marked += WeakenSection(elf, (long)U64(elf, section + 24), strings, version);
        }
        return marked;
    }

    private static int WeakenSection(byte[] elf, long need, long strings, string version)
    {
        var marked = 0;
        while (true)
        {
            var entry = need + U32(elf, need + 8);
            for (var k = U16(elf, need + 2); k > 0; k--, entry += U32(elf, entry + 12))
            {
                if (Name(elf, strings + U32(elf, entry + 8)) != version)
                    continue;
                BinaryPrimitives.WriteUInt16LittleEndian(elf.AsSpan((int)entry + 4), (ushort)(U16(elf, entry + 4) | FlagWeak));
                marked++;
            }
            var next = U32(elf, need + 12);
            if (next == 0)
                return marked;
            need += next;
        }
    }

    private static string Name(byte[] elf, long offset) =>
        Encoding.ASCII.GetString(elf, (int)offset, Array.IndexOf(elf, (byte)0, (int)offset) - (int)offset);

    private static ulong U64(byte[] b, long o) => BinaryPrimitives.ReadUInt64LittleEndian(b.AsSpan((int)o));

    private static uint U32(byte[] b, long o) => BinaryPrimitives.ReadUInt32LittleEndian(b.AsSpan((int)o));

    private static ushort U16(byte[] b, long o) => BinaryPrimitives.ReadUInt16LittleEndian(b.AsSpan((int)o));
}
