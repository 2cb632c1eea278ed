using InvFusion.Formats.Safetensors;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>Copies weights from a file into those of a module: the same names and shapes, nothing more and nothing less.</summary>
internal static class StrictState
{
    /// <summary>Copies every weight, once <see cref="Check"/> has found nothing.</summary>
    /// <param name="state">The module's tensors by name, which receive the weights.</param>
    /// <param name="file">The file.</param>
    /// <param name="path">Named in errors.</param>
    /// <param name="names">What each of the module's names is called in the file; more than the module has is refused.</param>
    /// <param name="what">What errors call the module.</param>
    /// <param name="pointwiseAsMatrix">Takes a 1×1 convolution <c>[o, i, 1, 1]</c> for a matrix <c>[o, i]</c>.</param>
    /// <exception cref="DataFormatException">A tensor is missing, surplus or of another shape.</exception>
    public static void Copy(
        IReadOnlyDictionary<string, Tensor> state,
        SafetensorsFile file,
        string path,
        IReadOnlyDictionary<string, string> names,
        string what,
        bool pointwiseAsMatrix = false
    )
    {
        Check(state, file, path, names, what, pointwiseAsMatrix);
        using var noGrad = no_grad();
        foreach (var (name, target) in state)
            if (TensorMemory.Fits(target, target.shape))
                ReadInto(target, file, names[name]);
            else
            {
                using var source = tensor(file.ReadSingles(names[name]));
                using var shaped = source.view(target.shape);
                target.copy_(shaped);
            }
    }

    /// <summary>Compares names and shapes alone; of the module's tensors nothing else is looked at. See <see cref="Copy"/>.</summary>
    public static void Check(
        IReadOnlyDictionary<string, Tensor> state,
        SafetensorsFile file,
        string path,
        IReadOnlyDictionary<string, string> names,
        string what,
        bool pointwiseAsMatrix = false
    )
    {
        if (names.FirstOrDefault(n => !state.ContainsKey(n.Key)).Value is { } surplus)
            throw new DataFormatException($"{path}: tensor '{surplus}' does not belong to this {what}; check its configuration");
        foreach (var (name, target) in state)
        {
            if (!names.TryGetValue(name, out var inFile))
                throw new DataFormatException($"{path}: tensor '{name}' is missing");
            var shape = file.Tensors[inFile].Shape;
            if (pointwiseAsMatrix && target.dim() == 2 && shape is [var o, var i, 1, 1])
                shape = [o, i];
            if (!shape.AsSpan().SequenceEqual(target.shape))
                throw new DataFormatException(
                    $"{path}: tensor '{inFile}' is [{string.Join(", ", shape)}], the {what} has [{string.Join(", ", target.shape)}]"
                );
        }
    }

    // Without the two copies on the way: they cost as much as all the rest.
    private static unsafe void ReadInto(Tensor target, SafetensorsFile file, string name) =>
        file.ReadSingles(name, new(TensorMemory.Floats(target), (int)target.numel()));
}
