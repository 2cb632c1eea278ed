using InvFusion.Formats.Pickle;
using static InvFusion.Formats.IO.FormatErrors;

namespace InvFusion.Formats.PyTorch;

/// <summary>
/// A file of <c>torch.save</c> (of any PyTorch since 0.4) or of <c>torch.jit.save</c>, read without Python and without executing anything that it holds: its pickle is interpreted as data, tensors
/// become views that are read when asked for, and objects of unknown classes become <see cref="PickleObject"/>.
/// </summary>
public sealed class PyTorchCheckpoint : IDisposable
{
    // Where training programs keep a state dict beside other things, the one that is evaluated first.
    private static readonly string[] UsualEntries = ["ema", "state_dict"];

    private readonly PyTorchContainer _archive;

    private PyTorchCheckpoint(PyTorchContainer archive)
    {
        _archive = archive;
        Root = archive.ReadRoot();
    }

    /// <summary>
    /// What was saved. None is null, int <c>long</c>, float <c>double</c>, str <c>string</c>, bytes <c>byte[]</c>, tuple <c>object?[]</c>, list
    /// <c>List&lt;object?&gt;</c>, dict <see cref="PickleDictionary"/>, a tensor or parameter <see cref="PyTorchTensor"/>, a class or
    /// function <see cref="PickleGlobal"/>, any other object <see cref="PickleObject"/>. The graph may share parts and hold cycles.
    /// </summary>
    public object? Root { get; }

    /// <summary>The text keys of the saved dictionary; empty where something else was saved.</summary>
    public IReadOnlyList<string> Entries => [.. StateDictReader.DictionaryOf(Root)?.Items.Select(i => i.Key).OfType<string>() ?? []];

    /// <summary>Opens a file and reads its structure, not its tensors.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFormatException">The file cannot be opened, is of neither, or is damaged.</exception>
    public static PyTorchCheckpoint Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var archive = PyTorchContainer.Open(path);
        try
        {
            return new PyTorchCheckpoint(archive);
        }
        catch
        {
            archive.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The named tensors of the entry <c>ema</c> or <c>state_dict</c> where there is one, else of the saved object itself: <c>torch.save(network.state_dict(), path)</c>.
    /// </summary>
    /// <inheritdoc cref="StateDict"/>
    public IReadOnlyDictionary<string, PyTorchTensor> FindStateDict()
    {
        if (UsualEntries.FirstOrDefault(Entries.Contains) is { } entry)
            return StateDict(entry);
        try
        {
            return StateDict(null);
        }
        catch (DataFormatException e)
        {
            throw new DataFormatException($"{e.Message}; name the entry that is one, of {Listed()}", e);
        }
    }

    /// <summary>The named tensors of one entry, which is a state dict, a whole pickled module or a TorchScript module, in their order there.</summary>
    /// <param name="entry">The entry of the saved dictionary, or null where the state dict or the module itself was saved.</param>
    /// <returns>Tensors by name, as <c>state_dict()</c> of the bare network names them (without <c>module.</c> and <c>_orig_mod.</c> of what wrapped it); they can be read until the checkpoint is closed.</returns>
    /// <exception cref="DataFormatException">There is no such entry, or it holds something else.</exception>
    public IReadOnlyDictionary<string, PyTorchTensor> StateDict(string? entry = "ema")
    {
        if (entry is null)
            return StateDictReader.Read(_archive, "the saved object", Root);
        if (StateDictReader.DictionaryOf(Root) is not { } dictionary || !dictionary.TryGetValue(entry, out var value))
            throw _archive.Error($"has no entry {Quote(entry)}; it has {Listed()}");
        return StateDictReader.Read(_archive, $"entry {Quote(entry)}", value);
    }

    private string Listed() => Entries is [] ? "none" : string.Join(", ", Entries.Take(10).Select(Quote));

    /// <summary>Closes the file.</summary>
    public void Dispose() => _archive.Dispose();
}
