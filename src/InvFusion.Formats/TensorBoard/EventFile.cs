using System.Buffers.Binary;
using System.Numerics;
using InvFusion.Formats.IO;

namespace InvFusion.Formats.TensorBoard;

/// <summary>
/// Writes an event file for TensorBoard: a sequence of records, each of a length, the masked CRC-32C of the length, a protocol buffer <c>Event</c> and the masked
/// CRC-32C of that. The file is made at the first event.
/// </summary>
public sealed class EventFile : IDisposable
{
    private const string Version = "brain.Event:2";
    private readonly string _folder;
    private readonly long _firstStep;
    private readonly TimeProvider _clock;
    private FileStream? _stream;

    /// <summary>Names the folder.</summary>
    /// <param name="folder">Where the file is made, under a name of its own.</param>
    /// <param name="firstStep">TensorBoard forgets what earlier files of the folder say of this step and later ones.</param>
    /// <param name="clock">Gives the time of events.</param>
    public EventFile(string folder, long firstStep, TimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        (_folder, _firstStep, _clock) = (folder, firstStep, clock ?? TimeProvider.System);
    }

    /// <summary>Writes numbers of one step.</summary>
    /// <exception cref="DataFormatException">The file cannot be written.</exception>
    public void Scalars(long step, params IEnumerable<KeyValuePair<string, double>> values)
    {
        var summary = new ProtoMessage();
        foreach (var (tag, value) in values)
            summary.Message(1, new ProtoMessage().Text(1, tag).Single(2, (float)value));
        Append(Event(step).Message(5, summary));
    }

    /// <summary>Writes a picture of one step.</summary>
    /// <param name="step">The step.</param>
    /// <param name="tag">Its name.</param>
    /// <param name="width">Its width in pixels.</param>
    /// <param name="height">Its height in pixels.</param>
    /// <param name="png">The encoded picture, in RGB.</param>
    /// <exception cref="DataFormatException">The file cannot be written.</exception>
    public void Image(long step, string tag, int width, int height, ReadOnlySpan<byte> png)
    {
        const long Rgb = 3;
        var image = new ProtoMessage().Integer(1, height).Integer(2, width).Integer(3, Rgb).Bytes(4, png);
        Append(Event(step).Message(5, new ProtoMessage().Message(1, new ProtoMessage().Text(1, tag).Message(4, image))));
    }

    /// <inheritdoc/>
    public void Dispose() => _stream?.Dispose();

    /// <summary>The masked CRC-32C of a record: rotated and shifted, so that the checksum of data that hold checksums is no trivial one.</summary>
    internal static uint MaskedChecksum(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var b in data)
            crc = BitOperations.Crc32C(crc, b);
        return BitOperations.RotateRight(~crc, 15) + 0xA282EAD8;
    }

    private void Append(ProtoMessage message)
    {
        try
        {
            if (_stream is null)
            {
                Directory.CreateDirectory(_folder);
                _stream = Create();
                Write(new ProtoMessage().Double(1, Seconds).Text(3, Version));
                const long Start = 1; // of SessionLog's states
                Write(Event(_firstStep).Message(7, new ProtoMessage().Integer(1, Start)));
            }
            Write(message);
        }
        catch (Exception e) when (FormatErrors.IsOfWriting(e))
        {
            throw FormatErrors.Unwritable(_stream?.Name ?? Path.Combine(_folder, "events.out.tfevents.*"), e);
        }
    }

    // Names sort by time; two of one second differ in their number.
    private FileStream Create()
    {
        for (var number = 0; ; number++)
        {
            var path = Path.Combine(_folder, $"events.out.tfevents.{(long)Seconds:D10}.{number}.invfusion");
            if (!File.Exists(path))
                return new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0); // what failed is not tried again at the end
        }
    }

    private ProtoMessage Event(long step) => new ProtoMessage().Double(1, Seconds).Integer(2, step);

    private double Seconds => _clock.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0;

    private void Write(ProtoMessage message)
    {
        var data = message.ToArray();
        var record = new byte[8 + 4 + data.Length + 4];
        BinaryPrimitives.WriteUInt64LittleEndian(record, (ulong)data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(8), MaskedChecksum(record.AsSpan(0, 8)));
        data.CopyTo(record, 12);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(12 + data.Length), MaskedChecksum(data));
        _stream!.Write(record);
    }
}
