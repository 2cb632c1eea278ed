namespace InvFusion.Imaging.Jpeg;

/// <summary>The scan of a JPEG: from bits to the samples of every component.</summary>
internal static class JpegScan
{
    // Row by row place of the coefficient at each place of the zigzag.
    private static readonly byte[] Zigzag =
    [
        0,
        1,
        8,
        16,
        9,
        2,
        3,
        10,
        17,
        24,
        32,
        25,
        18,
        11,
        4,
        5,
        12,
        19,
        26,
        33,
        40,
        48,
        41,
        34,
        27,
        20,
        13,
        6,
        7,
        14,
        21,
        28,
        35,
        42,
        49,
        56,
        57,
        50,
        43,
        36,
        29,
        22,
        15,
        23,
        30,
        37,
        44,
        51,
        58,
        59,
        52,
        45,
        38,
        31,
        39,
        46,
        53,
        60,
        61,
        54,
        47,
        55,
        62,
        63,
    ];

    /// <summary>Fills the samples of the components.</summary>
    /// <returns>Whether the scan is whole and sound, with the end of the image behind it.</returns>
    public static bool Read(JpegHeader header, ReadOnlySpan<byte> file)
    {
        var luma = header.Components[0];
        var columns = (header.Width - 1) / (8 * luma.Horizontal) + 1;
        var rows = (header.Height - 1) / (8 * luma.Vertical) + 1;
        var bits = new JpegBitReader(file[header.ScanStart..]);
        Span<int> block = stackalloc int[64];
        block.Clear();
        var unit = 0;
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++, unit++)
            {
                if (header.RestartInterval > 0 && unit > 0 && unit % header.RestartInterval == 0 && !Restart(header, ref bits, unit))
                    return false;
                foreach (var component in header.Components)
                    if (!ReadUnit(component, ref bits, row, column, block))
                        return false;
            }
            if (bits.Overrun)
                return false;
        }
        return bits.TakeMarker(0xD9);
    }

    private static bool Restart(JpegHeader header, ref JpegBitReader bits, int unit)
    {
        foreach (var component in header.Components)
            component.Prediction = 0;
        return bits.TakeMarker((byte)(0xD0 + (unit / header.RestartInterval - 1) % 8));
    }

    private static bool ReadUnit(JpegComponent component, ref JpegBitReader bits, int row, int column, scoped Span<int> block)
    {
        for (var y = 0; y < component.Vertical; y++)
        for (var x = 0; x < component.Horizontal; x++)
        {
            var last = ReadBlock(component, ref bits, block);
            if (last < 0)
                return false;
            var at = (row * component.Vertical + y) * 8 * component.Stride + (column * component.Horizontal + x) * 8;
            var target = component.Samples.AsSpan(at);
            if (last == 0)
                JpegInverseTransform.ApplyFlat(block[0], target, component.Stride);
            else
                JpegInverseTransform.Apply(block, target, component.Stride);
            block.Clear();
        }
        return true;
    }

    // Gives the place of the last coefficient that is not 0, or -1 when the bits are no block.
    private static int ReadBlock(JpegComponent component, ref JpegBitReader reader, scoped Span<int> block)
    {
        var steps = component.Steps;
        if (!ReadPrediction(component, ref reader))
            return -1;
        block[0] = component.Prediction * steps[0];
        // Outside of the reader, so that they stay in registers.
        var (bits, count, others, last) = (reader.Bits, reader.Count, component.Others, 0);
        for (var k = 1; k < 64; k++)
        {
            if (count < 32) // a code of 16 bits and its number
            {
                (reader.Bits, reader.Count) = (bits, count);
                reader.Fill();
                (bits, count) = (reader.Bits, reader.Count);
            }
            var entry = others.Coefficient(bits);
            if (entry == 0)
                return -1;
            bits <<= entry & 255;
            count -= entry & 255;
            var (value, zeros) = (entry >> 16, entry >> 8 & 15);
            k += zeros;
            if (value == 0)
            {
                if (zeros == 0)
                    break;
                if (zeros < 15)
                    return -1;
                continue;
            }
            if (k > 63)
                return -1;
            block[Zigzag[k]] = value * steps[k];
            last = k;
        }
        (reader.Bits, reader.Count) = (bits, count);
        return last;
    }

    private static bool ReadPrediction(JpegComponent component, ref JpegBitReader reader)
    {
        reader.Fill();
        var entry = component.First.Symbol(reader.Bits);
        var (length, size) = (entry >> 8, entry & 255);
        if (entry == 0 || size > JpegBitReader.LargestCoefficient + 1)
            return false;
        if (size > 0)
            component.Prediction += JpegBitReader.Number(reader.Bits << length, size);
        reader.Skip(length + size);
        return component.Prediction is >= short.MinValue and <= short.MaxValue;
    }
}
