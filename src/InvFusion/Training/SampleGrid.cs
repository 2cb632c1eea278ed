using InvFusion.Autoencoding;
using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Imaging;
using InvFusion.Models;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>
/// A picture of what the averaged weights can do with the first images of the set, one family a row: truth, H⁺y, and what the loss trains for (two posterior
/// samples, the mean, or the mean and both ways along its first directions).
/// </summary>
/// <param name="network">The network.</param>
/// <param name="options">The run.</param>
/// <param name="images">Its set.</param>
/// <param name="codec">Decodes latents; null for pictures.</param>
internal sealed class SampleGrid(PreconditionedNetwork network, TrainingOptions options, IImageSet images, LatentCodec? codec)
{
    private const int Samples = 2;
    private const int Steps = 18;
    private const int ShownDirections = 2;
    private const ulong LatentPurpose = 0x6C6174656E74; // "latent"

    /// <summary>Draws the grid with the weights as they are.</summary>
    public RgbImage Draw(string title)
    {
        var sheet = new ContactSheet
        {
            Title = title,
            Columns = ["truth", "H⁺y", .. Columns()],
            MinimumSide = 128,
        };
        network.eval();
        try
        {
            foreach (var (row, name) in options.Degradations.Index().Take(images.Count))
                sheet.AddRow(name, Row(row, name).Select(picture => new SheetCell(picture)));
        }
        finally
        {
            network.train();
        }
        return sheet.Render();
    }

    private IEnumerable<string> Columns() =>
        options.Loss.Kind switch
        {
            LossKind.Mmse => ["mean"],
            LossKind.Nppc => ["mean", .. Enumerable.Range(1, Shown).SelectMany(k => new[] { $"- w{k}", $"+ w{k}" })],
            _ => Enumerable.Repeat("sample", Samples),
        };

    private int Shown => Math.Min(ShownDirections, network.Configuration.Directions);

    private List<RgbImage> Row(int index, string family)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var (n, device) = (network.Configuration, network.Device);
        var shape = new ImageShape(n.Channels, n.Resolution, n.Resolution);
        // The same latent, operator and noise at every grid, so that grids can be compared.
        var streams = new[] { new RandomStream(options.Seed, (ulong)index) };
        var values = new float[shape.Length];
        images.ReadValues(index, new RandomStream(options.Seed, (ulong)index, LatentPurpose), values);
        var truth = tensor(values, device: device).view(1, shape.Channels, shape.Height, shape.Width);
        using var op = DegradationFamilies
            .Create(family, options.SharedDegradations)
            .Draw(shape, streams, new RandomStream(options.Seed), device);
        var y = op.Apply(truth.unsqueeze(1));
        var count = options.Loss.Kind == LossKind.Edm ? Samples : 1;
        var label = n.Classes > 0 ? full([count], images.Label(index), dtype: ScalarType.Int64, device: device) : null;
        var conditioning =
            n.Kind == NetworkKind.Unconditional ? new Conditioning(ClassLabels: label) : new(op, y.expand(count, -1, -1), label);
        var request = new SamplingRequest
        {
            Image = shape,
            Noise = new SampleNoise([.. Enumerable.Range(0, count).Select(i => (ulong)i)], device),
        };
        using var result = Sampler().Sample(new NetworkDenoiser(network, conditioning), request);
        var shown = stack(new[] { truth[0], op.PseudoInverse(y)[0, 0] }.Concat(Results(result)), 0);
        return [.. (codec?.Decode(shown) ?? shown).unbind(0).Select(Pictures.FromTensor)];
    }

    private ISampler Sampler() =>
        options.Loss.Kind switch
        {
            LossKind.Mmse => new MmseEstimator(),
            LossKind.Nppc => new NppcEstimator(),
            _ => new EdmSampler(new EdmOptions { Steps = Steps }),
        };

    private IEnumerable<Tensor> Results(SamplingResult result)
    {
        foreach (var image in result.Images.unbind(0))
            yield return image;
        for (var k = 0; k < (result.Directions is null ? 0 : Shown); k++)
            foreach (var sign in (int[])[-1, 1])
                yield return result.Images[0] + result.Directions![0, k] * sign;
    }
}
