using System.Globalization;
using InvFusion.Formats.Safetensors;
using InvFusion.Models;
using InvFusion.Modules;

namespace InvFusion.Autoencoding;

/// <summary>Reads and writes autoencoders as safetensors. The shape of the network follows from the shapes of the weights.</summary>
public static class AutoencoderFile
{
    private const string GroupsKey = "invfusion.groups";

    /// <summary>Loads an autoencoder, under whichever of its names the file has the weights; nothing may be missing or left over.</summary>
    /// <param name="path">A safetensors file of diffusers' AutoencoderKL or of CompVis' latent-diffusion.</param>
    /// <exception cref="DataFormatException">The file is damaged or is no such autoencoder; the message names the file and tensor.</exception>
    public static KlAutoencoder Load(string path)
    {
        using var file = SafetensorsFile.Open(path);
        var levels = AutoencoderNames.Levels(file.Tensors.Keys);
        var names = new Dictionary<string, string>();
        foreach (var name in file.Tensors.Keys)
            if (!names.TryAdd(AutoencoderNames.ToOwn(name, levels), name))
                throw new DataFormatException($"{path}: has {name} under two names");
        var configuration = Configuration(file, path, names, levels);
        return Parameters.Loaded(
            () => new KlAutoencoder(configuration),
            network => StrictState.Copy(network.state_dict(), file, path, names, "autoencoder", pointwiseAsMatrix: true),
            outline => StrictState.Check(outline.state_dict(), file, path, names, "autoencoder", pointwiseAsMatrix: true)
        );
    }

    /// <summary>Writes an autoencoder atomically, under diffusers' names of 2022.</summary>
    public static void Save(string path, KlAutoencoder network)
    {
        ArgumentNullException.ThrowIfNull(network);
        var groups = network.Configuration.Groups.ToString(CultureInfo.InvariantCulture);
        SafetensorsWriter.Write(
            path,
            [.. network.state_dict().Select(s => NetworkFile.ToWrite(s.Key, s.Value))],
            new Dictionary<string, string> { [GroupsKey] = groups }
        );
    }

    private static AutoencoderConfiguration Configuration(SafetensorsFile file, string path, Dictionary<string, string> names, int levels)
    {
        var input = Shape("encoder.conv_in.weight");
        var configuration = new AutoencoderConfiguration
        {
            Widths = [.. Enumerable.Range(0, levels).Select(i => (int)Shape($"encoder.down_blocks.{i}.resnets.0.conv1.weight")[0])],
            Blocks = Enumerable
                .Range(0, names.Count)
                .TakeWhile(j => names.ContainsKey($"encoder.down_blocks.0.resnets.{j}.conv1.weight"))
                .Count(),
            Channels = (int)input[1],
            LatentChannels = (int)Shape("post_quant_conv.weight")[0],
        };
        // The weights do not tell; only files of this library say it.
        if (file.Metadata.TryGetValue(GroupsKey, out var text))
            configuration = configuration with { Groups = int.TryParse(text, CultureInfo.InvariantCulture, out var groups) ? groups : 0 };
        try
        {
            configuration.Validate(path);
        }
        catch (ConfigurationException e)
        {
            throw new DataFormatException(e.Message, e);
        }
        return configuration;

        long[] Shape(string name) =>
            !names.TryGetValue(name, out var inFile)
                ? throw new DataFormatException(
                    $"{path}: has no tensor '{name}' under any known name, so it is no KL autoencoder of latent diffusion; name the file of the VAE alone"
                )
            : file.Tensors[inFile].Shape is { Length: 4 } shape ? shape
            : throw new DataFormatException($"{path}: tensor '{inFile}' is no convolution of 4 dimensions");
    }
}
