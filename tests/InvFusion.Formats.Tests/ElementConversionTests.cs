using Xunit;

namespace InvFusion.Formats.Tests;

public class ElementConversionTests
{
    [Fact]
    public void Bfloat16RoundsToNearestAndTiesToEven()
    {
        // 1 + 2^-8 lies between 1 and 1 + 2^-7: the even one is 1; 1 + 3·2^-8 goes up to 1 + 2^-6.
        float[] values = [1f, 1f + 1f / 256, 1f + 3f / 256, 1f + 1f / 256 + 1f / 65536, -2.5f, 0f, float.MaxValue];
        float[] expected = [1f, 1f, 1f + 1f / 64, 1f + 1f / 128, -2.5f, 0f, float.PositiveInfinity];
        Assert.Equal(expected, RoundTrip(values, ElementType.BF16));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(64)]
    [InlineData(77)]
    public void Bfloat16OfAnyLengthEqualsTheScalarRule(int length)
    {
        var random = new Random(length);
        var values = Enumerable
            .Range(0, length)
            .Select(_ => BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)))
            .ToArray();
        values[0] = float.NaN;
        var actual = RoundTrip(values, ElementType.BF16);
        for (var i = 0; i < length; i++)
            Assert.Equal(NearestBfloat16(values[i]), actual[i]);
    }

    [Fact]
    public void EveryHalfSurvivesTheWayThroughSingles()
    {
        var bytes = Enumerable
            .Range(0, 65536)
            .Where(h => !Half.IsNaN(BitConverter.UInt16BitsToHalf((ushort)h)))
            .SelectMany(h => BitConverter.GetBytes((ushort)h))
            .ToArray();
        var singles = ElementConversion.ToSingles(ElementType.F16, bytes);
        Assert.Equal(bytes, ElementConversion.FromSingles(singles, ElementType.F16));
    }

    [Theory]
    [InlineData(ElementType.I64, new byte[] { 254, 255, 255, 255, 255, 255, 255, 255 }, -2.0)]
    [InlineData(ElementType.I32, new byte[] { 0, 1, 0, 0 }, 256.0)]
    [InlineData(ElementType.I16, new byte[] { 255, 255 }, -1.0)]
    [InlineData(ElementType.I8, new byte[] { 128 }, -128.0)]
    [InlineData(ElementType.U8, new byte[] { 128 }, 128.0)]
    [InlineData(ElementType.Bool, new byte[] { 2 }, 1.0)]
    [InlineData(ElementType.BF16, new byte[] { 0x80, 0xbf }, -1.0)]
    [InlineData(ElementType.F64, new byte[] { 0, 0, 0, 0, 0, 0, 0xf0, 0x3f }, 1.0)]
    public void StoredBytesBecomeTheirValue(ElementType type, byte[] bytes, double expected)
    {
        Assert.Equal([expected], ElementConversion.ToDoubles(type, bytes));
        Assert.Equal([(float)expected], ElementConversion.ToSingles(type, bytes));
    }

    [Fact]
    public void SizesThatCannotBeAreRefused()
    {
        Assert.False(ElementType.F32.TryByteLength([-1], out _));
        Assert.False(ElementType.F32.TryByteLength([long.MaxValue, 2], out _));
        Assert.False(ElementType.F32.TryByteLength([0, long.MaxValue, long.MaxValue], out _));
        Assert.False(ElementType.U8.TryByteLength(new long[ElementTypes.MaximumRank + 1], out _));
        Assert.True(ElementType.F32.TryByteLength([], out var scalar) && scalar == 4);
        Assert.True(ElementType.F32.TryByteLength([3, 0], out var empty) && empty == 0);
    }

    private static float[] RoundTrip(float[] values, ElementType type) =>
        ElementConversion.ToSingles(type, ElementConversion.FromSingles(values, type));

    // Among the two neighbours that drop or keep the lower half, the nearer; computed in double precision.
    private static float NearestBfloat16(float x)
    {
        var bits = BitConverter.SingleToUInt32Bits(x);
        if (float.IsNaN(x) || float.IsInfinity(x))
            return x;
        var (low, high) = (bits & 0xffff0000u, (bits & 0xffff0000u) + 0x10000u);
        var rest = bits - low;
        return BitConverter.UInt32BitsToSingle(rest > 0x8000 || (rest == 0x8000 && (low & 0x10000) != 0) ? high : low);
    }
}
