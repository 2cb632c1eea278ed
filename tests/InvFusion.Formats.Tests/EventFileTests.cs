using System.Buffers.Binary;
using System.Text;
using InvFusion.Formats.TensorBoard;
using Xunit;

namespace InvFusion.Formats.Tests;

public sealed class EventFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_checksum_is_that_of_the_published_example()
    {
        // CRC-32C of "123456789" is 0xE3069283; masked as the record format says.
        var masked = EventFile.MaskedChecksum("123456789"u8);
        Assert.Equal(0xE3069283u, RotateLeft(masked - 0xA282EAD8));

        static uint RotateLeft(uint x) => x << 15 | x >> 17;
    }

    [Fact]
    public void Records_hold_what_was_written()
    {
        using (var file = new EventFile(_folder.File("."), 40))
        {
            file.Scalars(64, new KeyValuePair<string, double>("loss", 0.5), new("lr", 1e-3));
            file.Image(300, "grid", 5, 7, [1, 2, 3]);
        }
        var events = Read(Assert.Single(Directory.GetFiles(_folder.File(".")))).ToArray();
        Assert.Equal(4, events.Length);
        Assert.Equal("brain.Event:2", Encoding.UTF8.GetString(events[0][3]));
        Assert.Equal([40], events[1][2]);
        Assert.Equal(1ul, Fields(events[1][7]).Single().Number);
        Assert.Equal([64], events[2][2]);
        var scalars = Fields(events[2][5]).Select(v => Fields(v.Bytes).ToDictionary(f => f.Field, f => f.Bytes)).ToArray();
        Assert.Equal(["loss", "lr"], scalars.Select(s => Encoding.UTF8.GetString(s[1])));
        Assert.Equal([0.5f, 1e-3f], scalars.Select(s => BinaryPrimitives.ReadSingleLittleEndian(s[2])));
        Assert.Equal(300, events[3][2][0] & 127 | events[3][2][1] << 7);
        var picture = Fields(Fields(Fields(events[3][5]).Single().Bytes).Single(f => f.Field == 4).Bytes).ToArray();
        Assert.Equal([7ul, 5ul, 3ul], picture.Take(3).Select(f => f.Number));
        Assert.Equal([1, 2, 3], picture[3].Bytes);
    }

    [Fact]
    public void A_second_file_leaves_the_first_alone_and_none_is_made_for_nothing()
    {
        new EventFile(_folder.File("."), 0).Dispose();
        Assert.Empty(Directory.GetFiles(_folder.File(".")));
        for (var i = 0; i < 2; i++)
            using (var file = new EventFile(_folder.File("."), i))
                file.Scalars(i, new KeyValuePair<string, double>("loss", i));
        Assert.Equal(2, Directory.GetFiles(_folder.File(".")).Length);
    }

    // Checks the framing, and gives the fields of each event; varints as their bytes.
    private static IEnumerable<Dictionary<int, byte[]>> Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        for (var at = 0; at < bytes.Length; )
        {
            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at));
            Assert.Equal(EventFile.MaskedChecksum(bytes.AsSpan(at, 8)), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 8)));
            var data = bytes[(at + 12)..(at + 12 + length)];
            Assert.Equal(EventFile.MaskedChecksum(data), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 12 + length)));
            yield return Fields(data).ToDictionary(f => f.Field, f => f.Bytes);
            at += 16 + length;
        }
    }

    private static IEnumerable<(int Field, byte[] Bytes, ulong Number)> Fields(byte[] message)
    {
        for (var at = 0; at < message.Length; )
        {
            var tag = Varint();
            var (from, number, length) = (at, 0ul, 0);
            switch (tag & 7)
            {
                case 0:
                    number = Varint();
                    length = at - from;
                    at = from;
                    break;
                case 1:
                    length = 8;
                    break;
                case 2:
                    length = (int)Varint();
                    break;
                case 5:
                    length = 4;
                    break;
            }
            yield return ((int)(tag >> 3), message[at..(at + length)], number);
            at += length;

            ulong Varint()
            {
                ulong value = 0;
                for (var shift = 0; ; shift += 7)
                {
                    value |= (ulong)(message[at] & 127) << shift;
                    if (message[at++] < 128)
                        return value;
                }
            }
        }
    }
}
