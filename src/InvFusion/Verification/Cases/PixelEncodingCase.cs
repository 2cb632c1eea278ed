using InvFusion.Diffusion;
using InvFusion.Imaging;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>Between pixels and [-1, 1]; pixels must be equal.</summary>
internal static class PixelEncodingCase
{
    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        comparison.Check("encode_out", PixelEncoding.Encode(golden.Tensor("encode_in")), golden.Tensor("encode_out"));
        var values = golden.Tensor("decode_in");
        comparison.Check("decode_out", PixelEncoding.Decode(values), golden.Tensor("decode_out"), tolerance: 0);
        var image = RgbImage.FromPlanar(TensorMemory.Numbers<float>(values), channels: 1, height: 1, width: (int)values.numel());
        comparison.Check("decode_out of images", tensor(image.Pixels), golden.Tensor("decode_out"), tolerance: 0);
    }
}
