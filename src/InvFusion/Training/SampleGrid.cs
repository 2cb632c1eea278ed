using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Imaging;
using InvFusion.Models;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>A picture of what the averaged weights can do: truth, H⁺y and two posterior samples of the first images of the set, one family a row.</summary>
internal sealed class SampleGrid(PreconditionedNetwork network, TrainingOptions options, IImageSet images)
{
    private const int Samples = 2;
    private const int Steps = 18;

    /// <summary>Draws the grid with the weights as they are and writes it.</summary>
    public void Save(string path, string title)
    {
        var sheet = new ContactSheet
        {
            Title = title,
            Columns = ["truth", "H⁺y", "sample", "sample"],
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
        sheet.Save(path);
    }

    private List<RgbImage> Row(int index, string family)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var (n, device) = (network.Configuration, network.Device);
        var shape = new ImageShape(n.Channels, n.Resolution, n.Resolution);
        var planes = new byte[shape.Length];
        images.Read(index, planes);
        var truth = Pictures.ToTensor(planes, shape, device); // [1, C, H, W]
        // The same operator and noise at every grid, so that grids can be compared.
        var streams = new[] { new RandomStream(options.Seed, (ulong)index) };
        using var op = DegradationFamilies
            .Create(family, options.SharedDegradations)
            .Draw(shape, streams, new RandomStream(options.Seed), device);
        var y = op.Apply(truth.unsqueeze(1));
        var label = n.Classes > 0 ? full([Samples], images.Label(index), dtype: ScalarType.Int64, device: device) : null;
        var conditioning =
            n.Kind == NetworkKind.Unconditional ? new Conditioning(ClassLabels: label) : new(op, y.expand(Samples, -1, -1), label);
        var request = new SamplingRequest { Image = shape, Noise = new SampleNoise([0, 1], device) };
        using var result = new EdmSampler(new EdmOptions { Steps = Steps }).Sample(new NetworkDenoiser(network, conditioning), request);
        return [.. new[] { truth[0], op.PseudoInverse(y)[0, 0], result.Images[0], result.Images[1] }.Select(Pictures.FromTensor)];
    }
}
