using InvFusion.Formats;
using InvFusion.Modules;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>Loads published weights strictly: every tensor of the network is in the files, of its shape, and every tensor of the files is known.</summary>
internal static class NetworkWeights
{
    /// <summary>Builds a network and loads its weights; it needs no gradients.</summary>
    /// <param name="build">Builds it.</param>
    /// <param name="layout">The layout that the names of a file tell.</param>
    /// <param name="paths">One file, or several that each hold a part.</param>
    /// <exception cref="DataFormatException">They do not fit; the message names file and tensor.</exception>
    public static T Load<T>(Func<T> build, Func<IEnumerable<string>, WeightLayout> layout, params IReadOnlyList<string> paths)
        where T : nn.Module
    {
        var files = new List<NamedTensors>();
        try
        {
            foreach (var path in paths)
                files.Add(NamedTensors.Open(path));
            return Parameters.Loaded(build, network => Fill(network, layout(files.SelectMany(f => f.Shapes.Keys)), [.. paths.Zip(files)]));
        }
        finally
        {
            files.ForEach(f => f.Dispose());
        }
    }

    private static void Fill(nn.Module network, WeightLayout layout, (string Path, NamedTensors File)[] files)
    {
        using var noGrad = no_grad();
        var own = network.state_dict();
        var filled = new HashSet<string>();
        foreach (var (path, file) in files)
        foreach (var (stored, shape) in file.Shapes)
        {
            if (layout.NameOf(stored) is not { } name)
                continue;
            if (!own.TryGetValue(name, out var target))
                throw new DataFormatException($"{path}: tensor '{stored}' does not belong to {network.GetName()}; is it the right file?");
            if (!filled.Add(name))
                throw new DataFormatException($"{path}: tensor '{name}' comes twice");
            if (!shape.AsSpan().SequenceEqual(target.shape))
                throw new DataFormatException(
                    $"{path}: tensor '{stored}' is [{string.Join(", ", shape)}], {network.GetName()} has [{string.Join(", ", target.shape)}]"
                );
            using var flat = tensor(file.ReadSingles(stored));
            using var values = flat.view(shape);
            target.copy_(values);
        }
        foreach (var (name, target) in own.Where(t => !filled.Contains(t.Key)))
            if (layout.Default(name) is { } value)
                target.fill_(value);
            else
                throw new DataFormatException(
                    $"{string.Join(", ", files.Select(f => f.Path))}: tensor '{name}' of {network.GetName()} is missing; is it the right file, and whole?"
                );
    }
}
