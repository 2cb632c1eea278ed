using System.Text.Json.Nodes;
using InvFusion.Data;
using InvFusion.Formats.IO;
using InvFusion.Imaging;
using static TorchSharp.torch;

namespace InvFusion.Cli.Rendering;

/// <summary>Writes what <c>sample</c> draws, each image as soon as it is there, named by its seed; in the end all of them in a grid.</summary>
/// <param name="folder">The folder; the images of an earlier call go as soon as there is one of this.</param>
/// <param name="seed">Seed of the first image.</param>
/// <param name="count">How many will be drawn.</param>
internal sealed class SampleOutput(string folder, ulong seed, int count)
{
    private const string Grid = "grid.png"; // all images in one
    private const string Record = "sample.json";

    private readonly List<string> _files = [];
    private readonly List<RgbImage> _pictures = [];

    /// <summary>Images so far.</summary>
    public int Count => _pictures.Count;

    /// <summary>Writes a batch; what is not finite is left out.</summary>
    /// <param name="first">Number of its first image.</param>
    /// <param name="images"><c>[K, C, H, W]</c>.</param>
    public void Add(int first, Tensor images)
    {
        if (Count == 0)
        {
            ResultFolder.Clear(folder, Record);
            Save([.. Enumerable.Range(0, count).Select(NameOf), Grid]); // also of what a killed call leaves
        }
        for (var i = 0; i < images.shape[0]; i++)
        {
            using var image = images[i];
            using var finite = image.isfinite();
            using var all = finite.all();
            if (!all.item<bool>())
                continue;
            _pictures.Add(Pictures.FromTensor(image));
            _files.Add(NameOf(first + i));
            ImageEncoder.Save(_pictures[^1], Path.Combine(folder, _files[^1]));
        }
    }

    /// <summary>Closes the result.</summary>
    /// <param name="grid">Whether the grid is written.</param>
    /// <returns>The names of all files.</returns>
    public IReadOnlyList<string> Finish(bool grid)
    {
        if (grid)
        {
            ImageEncoder.Save(ImageGrid.Tile(_pictures), Path.Combine(folder, Grid));
            _files.Add(Grid);
        }
        Save([.. _files]);
        return [.. _files, Record];
    }

    private string NameOf(int index) => $"sample-{seed + (ulong)index:000000}.png";

    private void Save(string[] files) =>
        AtomicFile.WriteAllText(
            Path.Combine(folder, Record),
            new JsonObject { ["seed"] = seed, ["files"] = JsonText.Array(files) }.ToJsonString(JsonText.Options)
        );
}
