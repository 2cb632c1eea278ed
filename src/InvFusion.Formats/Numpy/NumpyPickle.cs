using InvFusion.Formats.Pickle;

namespace InvFusion.Formats.Numpy;

/// <summary>Plain pickles of Python that hold numpy arrays, read as data: nothing that they name is imported or called.</summary>
public static class NumpyPickle
{
    private const int MaximumBytes = 1 << 30;

    /// <summary>
    /// The pickled object: as <see cref="PyTorch.PyTorchCheckpoint.Root"/> describes, arrays still being a <see cref="PickleObject"/> that <see cref="ToArray"/> knows.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFormatException">It cannot be opened or is no pickle of protocols 2 to 5.</exception>
    public static object? Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return IO.FormatErrors.Translate(
            path,
            () =>
            {
                using var stream = IO.FormatErrors.OpenRead(path);
                if (stream.Length > MaximumBytes)
                    throw new DataFormatException($"{path}: a pickle of {stream.Length} bytes; at most {MaximumBytes} are read");
                var data = new byte[stream.Length];
                stream.ReadExactly(data);
                return PickleReader.ReadNext(new PickleInput(path, data), new DataHost(path));
            }
        );
    }

    /// <summary>The array that an object of a pickle is; null where it is none of plain numbers.</summary>
    /// <param name="value">Part of what <see cref="Read"/> gave.</param>
    /// <exception cref="DataFormatException">It is an array whose parts contradict each other.</exception>
    public static NpyArray? ToArray(object? value) =>
        value switch
        {
            // numpy.ndarray.__reduce__: made empty, then given (version, shape, type, order, elements)
            PickleObject
            {
                Class.Name: "_reconstruct",
                State: object?[] and [_, object?[] shape, PickleObject type, bool fortran, var elements]
            } => Create(shape, type, fortran, elements),
            // of protocol 5
            PickleObject { Class.Name: "_frombuffer", Arguments: [var elements, PickleObject type, object?[] shape, string order] } =>
                Create(shape, type, order == "F", elements),
            _ => null,
        };

    private static NpyArray? Create(object?[] shape, PickleObject type, bool fortran, object? elements)
    {
        if (ElementTypeOf(type) is not { } element || BytesOf(elements) is not { } data || !shape.All(n => n is long))
            return null;
        long[] lengths = [.. shape.Cast<long>()];
        if (!element.TryByteLength(lengths, out var bytes) || bytes != data.Length)
            throw new DataFormatException($"a pickled array of [{string.Join(", ", lengths)}] does not have {data.Length} bytes");
        var size = element.Size();
        if (type.State is object?[] and [_, ">", ..])
        {
            data = [.. data];
            for (var i = 0; i < data.Length; i += size)
                data.AsSpan(i, size).Reverse();
        }
        return new NpyArray(element, lengths, fortran && lengths.Length > 1 ? Npy.FromFortranOrder(data, lengths, size) : data);
    }

    private static ElementType? ElementTypeOf(PickleObject type) =>
        type is { Class: { Module: "numpy", Name: "dtype" }, Arguments: [string code, ..] }
            ? code switch
            {
                "f8" => ElementType.F64,
                "f4" => ElementType.F32,
                "f2" => ElementType.F16,
                "i8" => ElementType.I64,
                "i4" => ElementType.I32,
                "i2" => ElementType.I16,
                "i1" => ElementType.I8,
                "u1" => ElementType.U8,
                "b1" => ElementType.Bool,
                _ => null,
            }
            : null;

    private static byte[]? BytesOf(object? elements) =>
        elements switch
        {
            byte[] bytes => bytes,
            // Protocol 2 has no bytes: _codecs.encode(text, "latin1").
            PickleObject { Class.Name: "encode", Arguments: [string text, ..] } => Latin1(text),
            string text => Latin1(text),
            _ => null,
        };

    private static byte[] Latin1(string text) => System.Text.Encoding.Latin1.GetBytes(text);
}
