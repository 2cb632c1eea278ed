using System.Text;
using System.Text.Json;
using static TorchSharp.torch;

namespace InvFusion.Verification;

/// <summary>Files of vectors as torch tensors.</summary>
internal static class TensorFile
{
    public static Tensor ReadNpy(string path)
    {
        var bytes = File.ReadAllBytes(path);
        int n = BitConverter.ToUInt16(bytes, 8);
        var header = Encoding.ASCII.GetString(bytes, 10, n);
        var shape = System
            .Text.RegularExpressions.Regex.Match(header, @"'shape': \(([^)]*)\)")
            .Groups[1]
            .Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(long.Parse)
            .ToArray();
        var type =
            header.Contains("<f4") ? float32
            : header.Contains("<f8") ? float64
            : header.Contains("|u1") ? uint8
            : throw new DataFormatException(header);
        var t = empty(shape, type);
        bytes.AsSpan(10 + n).CopyTo(t.bytes);
        return t;
    }

    public static Dictionary<string, Tensor> ReadSafetensors(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var n = (int)BitConverter.ToUInt64(bytes, 0);
        var result = new Dictionary<string, Tensor>();
        foreach (var p in JsonDocument.Parse(bytes.AsMemory(8, n)).RootElement.EnumerateObject())
        {
            if (p.Name == "__metadata__")
                continue;
            var shape = p.Value.GetProperty("shape").EnumerateArray().Select(x => x.GetInt64()).ToArray();
            var o = p.Value.GetProperty("data_offsets").EnumerateArray().Select(x => x.GetInt32()).ToArray();
            var t = empty(shape, float32);
            bytes.AsSpan(8 + n + o[0], o[1] - o[0]).CopyTo(t.bytes);
            result[p.Name] = t;
        }
        return result;
    }
}
