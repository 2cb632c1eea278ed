using InvFusion.Formats;
using InvFusion.Formats.Numpy;
using InvFusion.Formats.Safetensors;
using static TorchSharp.torch;

namespace InvFusion.Verification;

/// <summary>Files of vectors as torch tensors.</summary>
internal static class TensorFile
{
    /// <summary>The array of a <c>.npy</c> file.</summary>
    public static Tensor ReadNpy(string path)
    {
        var array = Npy.Read(path);
        return Create(path, array.ElementType, array.Shape, array.Data);
    }

    /// <summary>All tensors of a safetensors file.</summary>
    public static Dictionary<string, Tensor> ReadSafetensors(string path)
    {
        using var file = SafetensorsFile.Open(path);
        return file.Tensors.ToDictionary(t => t.Key, t => Create(path, t.Value.ElementType, t.Value.Shape, file.Bytes(t.Key)));
    }

    private static Tensor Create(string path, ElementType type, long[] shape, ReadOnlySpan<byte> content)
    {
        var tensor = empty(
            shape,
            type switch
            {
                ElementType.F32 => float32,
                ElementType.F64 => float64,
                ElementType.I64 => int64,
                ElementType.U8 => uint8,
                _ => throw new DataFormatException($"{path} holds {type}: vectors are F32, F64, I64 or U8"),
            }
        );
        content.CopyTo(tensor.bytes);
        return tensor;
    }
}
