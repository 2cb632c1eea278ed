using InvFusion.Diffusion;

namespace InvFusion.Verification.Cases;

/// <summary>Between pixels and [-1, 1]; pixels must be equal.</summary>
internal static class PixelEncodingCase
{
    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        comparison.Check("encode_out", PixelEncoding.Encode(golden.Tensor("encode_in")), golden.Tensor("encode_out"));
        comparison.Check("decode_out", PixelEncoding.Decode(golden.Tensor("decode_in")), golden.Tensor("decode_out"), tolerance: 0);
    }
}
