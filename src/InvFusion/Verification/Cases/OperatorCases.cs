using InvFusion.Degradations;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>Operators: construction from recorded random draws, what they are made of, H and H⁺.</summary>
internal static class OperatorCases
{
    private const double NoiseLevel = 0.1;

    /// <summary>A <c>degradations</c> case.</summary>
    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        using var op = GoldenOperator.Load(golden);
        OperatorDraws.Check(golden, comparison, op.Image);
        CheckParts(golden, comparison, op);
        if (golden.Has("feat5"))
            comparison.Check("H_feat5", op.Apply(golden.Tensor("feat5")), golden.Tensor("H_feat5"));
        if (golden.Has("Hpinv5_ry"))
            comparison.Check("Hpinv5_ry", op.PseudoInverse(golden.Tensor("ry")), golden.Tensor("Hpinv5_ry"));
        if (golden.Has("Hpinv5_ry_noise01"))
            comparison.Check("Hpinv5_ry_noise01", op.PseudoInverse(golden.Tensor("ry"), NoiseLevel), golden.Tensor("Hpinv5_ry_noise01"));
    }

    /// <summary>The operators and measurements that the sampler cases share.</summary>
    public static void Measurements(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        using var op = GoldenOperator.Load(golden);
        OperatorDraws.Check(golden, comparison, op.Image);
        CheckParts(golden, comparison, op);
        var clean = op.Apply(golden.Other("../common").Tensor("x0").unsqueeze(1)); // [B, C, H, W] → [B, 1, O]
        comparison.Check("y_n0", clean, golden.Tensor("y_n0"));
        comparison.Check("y_n01", clean + NoiseLevel * golden.Tensor("y_noise"), golden.Tensor("y_n01"));
    }

    /// <summary>What an operator computes from its mask, rows or kernel, against the same of the public implementation.</summary>
    public static void CheckParts(GoldenCase golden, Comparison comparison, LinearOperator op)
    {
        using var scope = NewDisposeScope();
        if (golden.Has("deg_inv_matrix"))
            comparison.Check("deg_inv_matrix", InverseMatrix(op, golden.Device), golden.Tensor("deg_inv_matrix"));
        if (golden.Has("deg_fft_kernel"))
        {
            var fourier = (FourierOperator)op;
            // The left half of the spectrum; the other one mirrors it.
            var expected = golden.Tensor("deg_fft_kernel").narrow(3, 0, op.Image.Width + 1);
            comparison.Check("deg_fft_kernel", view_as_real(fourier.Spectrum.squeeze(1).resolve_conj()), expected);
            var inverse = where(fourier.Energy > 0, 1 / fourier.Energy, zeros_like(fourier.Energy)).squeeze(1);
            comparison.Check("deg_fft_inner_kernel", inverse, golden.Tensor("deg_fft_inner_kernel"));
        }
    }

    // H⁺ as a matrix [B, C·H·W, O], by applying it to every unit vector.
    private static Tensor InverseMatrix(LinearOperator op, Device device)
    {
        var units = eye(op.MeasurementLength, dtype: float32, device: device).expand(op.BatchSize, -1, -1);
        return op.PseudoInverse(units).flatten(2).transpose(1, 2);
    }
}
