using System.Diagnostics;
using InvFusion.Autoencoding;
using InvFusion.Cli.Tests;
using InvFusion.Data;
using InvFusion.Formats;
using InvFusion.Formats.Numpy;
using InvFusion.Formats.Safetensors;
using InvFusion.Imaging;
using InvFusion.Models;
using InvFusion.Runtime;
using InvFusion.Tests.Models;
using InvFusion.Training;
using Xunit;
using static TorchSharp.torch;

[assembly: AssemblyFixture(typeof(CliWorld))]

namespace InvFusion.Cli.Tests;

/// <summary>
/// A folder with everything that the program is run on: networks of random weights (model, prior, directions, an autoencoder), pictures, a mask, a prepared set, and files that are broken
/// in known ways. The program runs in it, so that tests name files as a user would.
/// </summary>
public sealed class CliWorld : IDisposable
{
    /// <summary>Side of the images.</summary>
    public const int Size = 16;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("invfusion-cli-");

    public CliWorld()
    {
        TorchRuntime.Initialize(1);
        manual_seed(1);
        SaveNetwork("model.safetensors", NetworkKind.InvFusion);
        SaveNetwork("prior.safetensors", NetworkKind.Unconditional);
        SaveNetwork("matrix.safetensors", NetworkKind.Blind, degradations: "matrix,sr:4");
        SaveNetwork("directions.safetensors", NetworkKind.InvFusion, directions: 2);
        using (
            var vae = new KlAutoencoder(
                new()
                {
                    Widths = [8, 16],
                    Blocks = 1,
                    Groups = 4,
                }
            )
        )
            AutoencoderFile.Save(At("vae.safetensors"), vae);
        Save("face.png", Picture(Size, Size, 0));
        Save("wide.png", Picture(40, 24, 1));
        Save("kernel.png", Kernel(5));
        Save("mask.png", Mask(Size));
        Save("mask8.png", Mask(8));
        for (var i = 0; i < 6; i++)
            Save($"images/{i}.png", Picture(20, 20, i));
        using (var images = ImageSource.Open(At("images")))
            DatasetPreparer.Prepare(images, At("set.ifds"), new PrepareOptions { Size = Size });
        SaveBrokenFiles();
    }

    /// <summary>The networks' configuration, but for the kind.</summary>
    public static NetworkConfiguration Network => TestNetworks.Configuration;

    /// <summary>A network of latents of the same size.</summary>
    public static NetworkConfiguration LatentNetwork =>
        Network with
        {
            Channels = 4,
            Levels = [Network.Levels[0], Network.Levels[1] with { Width = 64, HeadWidth = 16 }],
        };

    /// <summary>The full path of a file of the folder.</summary>
    public string At(string name) => Path.Combine(_folder.FullName, name);

    /// <summary>Writes options of a short training on the prepared set.</summary>
    public void WriteOptions(string name, long images, Func<TrainingOptions, TrainingOptions>? change = null)
    {
        var options = new TrainingOptions
        {
            Data = "set.ifds",
            Network = Network,
            Degradations = ["box", "patches", "none"],
            Batch = 8,
            Images = images,
            StatusImages = 8,
            CheckpointImages = 1 << 20,
        };
        File.WriteAllText(At(name), (change?.Invoke(options) ?? options).ToJson());
    }

    /// <summary>Runs the program to its end.</summary>
    public async Task<CliResult> Run(params string[] arguments)
    {
        using var program = new RunningProgram(RunningProgram.Command(_folder.FullName, arguments));
        return await program.End();
    }

    /// <summary>Runs the program with arguments that hold no spaces.</summary>
    public Task<CliResult> Run(string arguments) => Run(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    /// <summary>Runs the program where no file may be larger than so many KiB, which stands for a disk that fills up. Needs bash.</summary>
    public async Task<CliResult> RunOnASmallDisk(int kibibytes, string arguments)
    {
        // The copy of a library that older systems need is in the cache from the first start on.
        (await Run("degrade face.png -d gray --out before-the-disk-was-full --quiet")).Expect(0);
        var start = new System.Diagnostics.ProcessStartInfo("bash") { WorkingDirectory = _folder.FullName };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add($"ulimit -f {kibibytes}; exec \"${{DOTNET_HOST_PATH:-dotnet}}\" \"$0\" {arguments}");
        start.ArgumentList.Add(RunningProgram.Dll);
        start.Environment["DOTNET_EnableWriteXorExecute"] = "0"; // the runtime's own memory files are larger
        using var program = new RunningProgram(start);
        return await program.End();
    }

    /// <summary>Starts the program and leaves it running.</summary>
    internal RunningProgram Start(string arguments, Func<string, bool> awaited) =>
        new(RunningProgram.Command(_folder.FullName, arguments.Split(' ')), awaited);

    /// <summary>The picture of a file of the folder.</summary>
    public RgbImage Load(string name) => ImageDecoder.Load(At(name));

    /// <summary>The largest difference of two pictures in grey levels.</summary>
    public static int Difference(RgbImage a, RgbImage b)
    {
        Assert.Equal((a.Width, a.Height, a.Channels), (b.Width, b.Height, b.Channels));
        return a.Pixels.Zip(b.Pixels, (x, y) => Math.Abs(x - y)).Max();
    }

    /// <summary>Writes a picture into the folder.</summary>
    public void Save(string name, RgbImage picture) => ImageEncoder.Save(picture, At(name));

    /// <summary>A smooth picture without symmetry.</summary>
    public static RgbImage Picture(int width, int height, int seed)
    {
        var picture = new RgbImage(width, height);
        for (var i = 0; i < picture.Pixels.Length; i++)
        {
            var (c, x, y) = (i % 3, i / 3 % width, i / 3 / width);
            picture.Pixels[i] = (byte)(127.5 + 110 * Math.Sin(0.3 * x * (c + 1) + seed) * Math.Cos(0.2 * y + c));
        }
        return picture;
    }

    public void Dispose() => _folder.Delete(recursive: true);

    // Light is observed: all but a square in the middle.
    private static RgbImage Mask(int side)
    {
        var mask = new RgbImage(side, side, 1);
        for (var i = 0; i < mask.Pixels.Length; i++)
            mask.Pixels[i] = InHole(i % side, i / side, side) ? (byte)0 : (byte)255;
        return mask;
    }

    // Brightest in one corner.
    private static RgbImage Kernel(int side)
    {
        var kernel = new RgbImage(side, side, 1);
        for (var i = 0; i < kernel.Pixels.Length; i++)
            kernel.Pixels[i] = (byte)(255 / (1 + i % side + i / side));
        return kernel;
    }

    /// <summary>Whether the mask hides a pixel.</summary>
    public static bool InHole(int x, int y, int side = Size) => x >= side / 4 && x < side * 3 / 4 && y >= side / 4 && y < side * 3 / 4;

    private void SaveNetwork(string name, NetworkKind kind, int directions = 0, string? degradations = null)
    {
        using var noGrad = no_grad();
        var configuration = Network with { Kind = kind, Directions = directions };
        using var network = new PreconditionedNetwork(configuration);
        foreach (var parameter in network.parameters()) // also those that start at zero, so that every layer takes part
            parameter.normal_(0, 0.1);
        var metadata = degradations is null ? null : new Dictionary<string, string> { [NetworkFile.DegradationsKey] = degradations };
        NetworkFile.Save(At(name), configuration, network.state_dict(), metadata: metadata);
    }

    /// <summary>Makes a named pipe (Linux) and returns its name.</summary>
    public string Pipe(string extension)
    {
        var name = $"pipe-{Guid.NewGuid():N}{extension}";
        using var made = Process.Start("mkfifo", [At(name)]);
        made.WaitForExit();
        return name;
    }

    private void SaveBrokenFiles()
    {
        File.WriteAllBytes(At("truncated.png"), File.ReadAllBytes(At("wide.png"))[..200]);
        File.WriteAllText(At("text.png"), "this is no picture");
        Directory.CreateDirectory(At("broken"));
        File.Copy(At("face.png"), At("broken/good.png"));
        File.Copy(At("truncated.png"), At("broken/bad.png"));
        Directory.CreateDirectory(At("other"));
        File.Copy(At("face.png"), At("other/face.png"));
        SafetensorsWriter.Write(At("foreign.safetensors"), [new("w", ElementType.F32, [1], s => s.Write(new byte[4]))]);
        File.WriteAllBytes(At("truncated.safetensors"), File.ReadAllBytes(At("model.safetensors"))[..5000]);
        Npy.Write(At("short.npy"), new NpyArray(ElementType.F32, [3], new byte[12]));
        File.WriteAllBytes(At("truncated.npy"), File.ReadAllBytes(At("short.npy"))[..^4]);
        File.WriteAllText(At("bad.json"), "{ \"data\": ");
        File.WriteAllText(At("unknown-key.json"), $$"""{ "data": "set.ifds", "network": {{Network.ToJson()}}, "bacth": 4 }""");
        File.WriteAllText(At("misfit.json"), $$"""{ "data": "set.ifds", "network": {{(Network with { Resolution = 32 }).ToJson()}} }""");
        File.WriteAllBytes(At("truncated.pt"), [0x50, 0x4b, 3, 4, 0, 0]);
    }
}
