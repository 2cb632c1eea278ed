using InvFusion.Formats.Pickle;
using static InvFusion.Formats.IO.FormatErrors;

namespace InvFusion.Formats.PyTorch;

/// <summary>The few calls of a checkpoint's pickle that make tensors; everything else stays data.</summary>
internal sealed class PyTorchHost(PyTorchContainer archive) : PickleHost
{
    public override object? LoadPersistent(object? id)
    {
        if (id is not object?[] parts || parts is not ["storage", PickleGlobal type, string key, string location, long count, ..])
            throw archive.Error("refers to something that is not a storage");
        if (TypeOf(type) is not { } elementType)
            return new PickleObject(type, parts); // complex or quantized: an error only for who wants its elements
        if (parts is [_, _, _, _, _, not null, ..]) // the old format's views of storages
            throw archive.Error($"storage {Quote(key)} is a view of another one; save the file again in PyTorch 1.6 or later");
        archive.CheckStorage(key, elementType, count);
        return new PyTorchStorage(elementType, key, location, count);
    }

    public override object? Call(PickleGlobal function, object?[] arguments) =>
        (function.Module, function.Name, arguments) switch
        {
            (
                "torch._utils",
                "_rebuild_tensor_v2"
                    or "_rebuild_tensor",
                [PyTorchStorage storage, long offset, object?[] size, object?[] stride, ..]
            ) => Tensor(storage, offset, size, stride),
            ("torch._utils", "_rebuild_parameter" or "_rebuild_parameter_with_state", [PyTorchTensor tensor, ..]) => tensor,
            // A tensor with attributes of its own: (function, class, its arguments, attributes).
            ("torch._tensor", "_rebuild_from_type_v2", [PickleGlobal { Name: "_rebuild_tensor_v2" } inner, _, object?[] its, ..]) => Call(
                inner,
                its
            ),
            ("torch", "Size", [object?[] size]) => size,
            _ => null,
        };

    private PyTorchTensor Tensor(PyTorchStorage storage, long offset, object?[] size, object?[] stride)
    {
        if (
            size.Length != stride.Length
            || size.Length > ElementTypes.MaximumRank
            || !size.All(x => x is long)
            || !stride.All(x => x is long)
        )
            throw archive.Error($"a tensor of storage {Quote(storage.Key)} has a size or stride that cannot be");
        return new PyTorchTensor(archive, storage, offset, [.. size.Cast<long>()], [.. stride.Cast<long>()]);
    }

    private static ElementType? TypeOf(PickleGlobal type) =>
        type.Module is not ("torch" or "torch.cuda")
            ? null
            : type.Name switch
            {
                "DoubleStorage" => ElementType.F64,
                "FloatStorage" => ElementType.F32,
                "HalfStorage" => ElementType.F16,
                "BFloat16Storage" => ElementType.BF16,
                "LongStorage" => ElementType.I64,
                "IntStorage" => ElementType.I32,
                "ShortStorage" => ElementType.I16,
                "CharStorage" => ElementType.I8,
                "ByteStorage" => ElementType.U8,
                "BoolStorage" => ElementType.Bool,
                _ => null,
            };
}
