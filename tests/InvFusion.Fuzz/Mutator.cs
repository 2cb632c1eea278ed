namespace InvFusion.Fuzz;

/// <summary>Spoils valid files.</summary>
internal static class Mutator
{
    private const int Longest = 1 << 16;

    private static readonly uint[] Odd =
    [
        0,
        1,
        2,
        0x7F,
        0x80,
        0xFF,
        0x100,
        0x7FFF,
        0x8000,
        0xFFFF,
        0x10000,
        0x7FFFFFFF,
        0x80000000,
        uint.MaxValue,
    ];

    /// <summary>One to eight changes of a seed.</summary>
    public static byte[] Mutate(Random random, IReadOnlyList<byte[]> seeds)
    {
        var bytes = (byte[])seeds[random.Next(seeds.Count)].Clone();
        for (var changes = random.Next(1, 9); changes > 0 && bytes.Length > 0; changes--)
            bytes = Change(random, bytes, seeds);
        return bytes;
    }

    private static byte[] Change(Random random, byte[] bytes, IReadOnlyList<byte[]> seeds)
    {
        var at = At(random, bytes.Length);
        switch (random.Next(12))
        {
            case 0 or 1 or 2:
                bytes[at] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 3 or 4:
                bytes[at] = (byte)random.Next(256);
                return bytes;
            case 5 or 6 or 7:
                Put(random, bytes.AsSpan(at));
                return bytes;
            case 8: // a digit of a text
                var digit = bytes.AsSpan(at).IndexOfAnyInRange((byte)'0', (byte)'9');
                if (digit >= 0)
                    bytes[at + digit] = (byte)random.Next('-', ':');
                return bytes;
            case 9: // a part twice
                var length = random.Next(1, Math.Min(64, bytes.Length - at) + 1);
                return bytes.Length < Longest ? [.. bytes[..(at + length)], .. bytes[at..]] : bytes;
            case 10: // the end is missing
                return random.Next(4) == 0 ? bytes[..at] : bytes;
            default: // begins as one and ends as another
                var other = seeds[random.Next(seeds.Count)];
                return [.. bytes[..at], .. other[Math.Min(at, other.Length)..]];
        }
    }

    // A number that programs stumble over, of one to eight bytes, in either order.
    private static void Put(Random random, Span<byte> bytes)
    {
        var value = random.Next(4) == 0 ? (ulong)random.NextInt64() : Odd[random.Next(Odd.Length)];
        var (size, reversed) = (Math.Min(1 << random.Next(4), bytes.Length), random.Next(2) == 0);
        for (var i = 0; i < size; i++)
            bytes[reversed ? size - 1 - i : i] = (byte)(value >> (8 * i));
    }

    // Headers are at the beginning or at the end.
    private static int At(Random random, int length) =>
        random.Next(3) switch
        {
            0 => random.Next(Math.Min(length, 64)),
            1 => length - 1 - random.Next(Math.Min(length, 256)),
            _ => random.Next(length),
        };
}
