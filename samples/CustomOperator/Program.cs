// Restores samples/face.png from every other row of it: dotnet run -c Release --project samples/CustomOperator
using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Imaging;
using InvFusion.Models;
using InvFusion.Restoration;
using InvFusion.Runtime;
using static TorchSharp.torch;

TorchRuntime.Initialize();
using var network = NetworkFile.Load("models/faces64.safetensors");
using var image = Pictures.ToTensor(ImageDecoder.Load("samples/face.png")); // [1, C, H, W] in [-1, 1]
using var op = new EveryOtherRow(new ImageShape(3, 64, 64)); // four methods: Apply, Adjoint, PseudoInverse, Select
using var group = image.unsqueeze(1);
using var y = op.Apply(group); // [1, 1, O], or what the camera gave
using var restored = new Restorer(network).Restore(op, y, new RestoreOptions { Samples = 2 });
ImageEncoder.Save(Pictures.FromTensor(restored.Mean), "restored.png"); // and restored.Samples [K, C, H, W], restored.Spread

/// <summary>Sees rows 0, 2, 4, … of an image.</summary>
internal sealed class EveryOtherRow(ImageShape image)
    : LinearOperator(image, batchSize: 1, image.Channels * (image.Height / 2) * image.Width)
{
    public override Tensor Apply(Tensor images) // [B, G, C, H, W] → [B, G, O]
    {
        using var scope = NewDisposeScope();
        return images.slice(3, 0, Image.Height, 2).flatten(2).MoveToOuterDisposeScope();
    }

    public override Tensor Adjoint(Tensor measurements) // [B, G, O] → [B, G, C, H, W]
    {
        using var scope = NewDisposeScope();
        var rows = measurements.reshape(measurements.shape[0], -1, Image.Channels, Image.Height / 2, Image.Width);
        return stack([rows, zeros_like(rows)], 4).flatten(3, 4).MoveToOuterDisposeScope(); // a row of zeros behind each
    }

    public override LinearOperator Select(params ReadOnlySpan<long> samples) => new EveryOtherRow(Image); // one operator serves every sample

    // HHᵀ = 1, so that H⁺ is Hᵀ; noise damps it.
    public override Tensor PseudoInverse(Tensor measurements, double sigmaY = 0)
    {
        using var scope = NewDisposeScope();
        return (Adjoint(measurements) / (1 + sigmaY * sigmaY)).MoveToOuterDisposeScope();
    }
}
