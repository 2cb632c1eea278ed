using InvFusion.Formats.Safetensors;

namespace InvFusion.Formats.Tests;

/// <summary>Random tensors of every type.</summary>
internal static class Samples
{
    public static readonly string[] Names = ["a", "block.0.weight", "ünïcødé/日本/🙂", "quote\"back\\slash", "<&>", "", "tab\t"];

    public static byte[] Bytes(Random random, ElementType type, long[] shape)
    {
        if (!type.TryByteLength(shape, out var length))
            throw new ArgumentException("not a shape", nameof(shape));
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }

    public static long[] Shape(Random random) => [.. Enumerable.Range(0, random.Next(5)).Select(_ => (long)random.Next(5))];

    public static List<(TensorToWrite Tensor, byte[] Data)> Tensors(int seed)
    {
        var random = new Random(seed);
        var types = Enum.GetValues<ElementType>();
        return
        [
            .. Enumerable
                .Range(0, random.Next(20))
                .Select(i =>
                {
                    var (type, shape) = (types[random.Next(types.Length)], Shape(random));
                    var data = Bytes(random, type, shape);
                    var name = i < Names.Length ? Names[i] : $"t{i}";
                    return (new TensorToWrite(name, type, shape, data), data);
                }),
        ];
    }
}
