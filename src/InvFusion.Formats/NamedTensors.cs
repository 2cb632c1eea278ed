using InvFusion.Formats.PyTorch;
using InvFusion.Formats.Safetensors;
using InvFusion.Formats.TensorFlow;

namespace InvFusion.Formats;

/// <summary>
/// The named tensors of a weight file, whatever its format: safetensors, a state dict or module of <c>torch.save</c> (old and new format), a TorchScript archive,
/// or a TensorFlow.js manifest with its files beside it.
/// Nothing that a file holds is executed.
/// </summary>
public sealed class NamedTensors : IDisposable
{
    private const string Nested = "state_dict"; // where training programs keep theirs beside other things

    private readonly IDisposable _file;
    private readonly Func<string, float[]> _read;

    private NamedTensors(IDisposable file, IReadOnlyDictionary<string, long[]> shapes, Func<string, float[]> read) =>
        (_file, Shapes, _read) = (file, shapes, read);

    /// <summary>The shape of each tensor.</summary>
    public IReadOnlyDictionary<string, long[]> Shapes { get; }

    /// <summary>Opens a file; its tensors are read when asked for.</summary>
    /// <param name="path">The file; its first bytes say what it is.</param>
    /// <exception cref="DataFormatException">The file cannot be opened, is of none of the formats, or is damaged.</exception>
    public static NamedTensors Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        Span<byte> start = stackalloc byte[4];
        start = start[..ReadStart(path, start)];
        return IsPyTorch(start) ? OpenPyTorch(path)
            : IsManifest(start) ? OpenManifest(path)
            : OpenSafetensors(path);
    }

    /// <summary>The elements of a tensor as singles, C order, converted from whatever they are stored as.</summary>
    /// <param name="name">One of <see cref="Shapes"/>.</param>
    /// <exception cref="DataFormatException">The file is damaged.</exception>
    public float[] ReadSingles(string name) => _read(name);

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    private static NamedTensors OpenSafetensors(string path)
    {
        var file = SafetensorsFile.Open(path);
        return new(file, file.Tensors.ToDictionary(t => t.Key, t => t.Value.Shape), file.ReadSingles);
    }

    private static NamedTensors OpenPyTorch(string path)
    {
        var file = PyTorchCheckpoint.Open(path);
        try
        {
            var tensors = file.StateDict(file.Entries.Contains(Nested) ? Nested : null);
            return new(file, tensors.ToDictionary(t => t.Key, t => t.Value.Shape), name => tensors[name].ReadSingles());
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static NamedTensors OpenManifest(string path)
    {
        var file = ManifestFile.Open(path);
        return new(file, file.Shapes, file.ReadSingles);
    }

    private static int ReadStart(string path, Span<byte> start)
    {
        using var stream = IO.FormatErrors.OpenRead(path);
        return stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
    }

    // A safetensors file begins with a length, whose third byte is 0 in any file of sensible size and whose first may be anything.
    private static bool IsPyTorch(ReadOnlySpan<byte> start) =>
        start.Length == 4 && (start.SequenceEqual("PK\u0003\u0004"u8) || (start[0] == 0x80 && start[1] is > 0 and < 6 && start[2] != 0));

    private static bool IsManifest(ReadOnlySpan<byte> start) => start.Length == 4 && start[0] == '[' && start[2] != 0;
}
