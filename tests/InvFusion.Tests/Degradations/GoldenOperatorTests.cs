using InvFusion.Tests.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

/// <summary>H and H⁺ against the public implementation.</summary>
[Collection(TorchTests.Collection)]
public sealed class GoldenOperatorTests
{
    public static TheoryData<string> Cases =>
        [
            .. new[] { "box_24x40", "matrix_16", "missingbox_24x40", "missingpatches_32", "motionblur_16", "motionblur_64", "none_16" }
                .Concat(["srconv_32_s3to4", "srconv_mixcolor_16"])
                .Select(n => $"degradations/{n}")
                .Where(Golden.Exists),
        ];

    public static TheoryData<string> Networks =>
        [
            .. new[] { "box", "matrix", "missingbox", "missingpatches", "motionblur", "none", "srconv" }
                .Select(n => $"net_ffhq64_small/{n}")
                .Where(Golden.Exists),
        ];

    public static TheoryData<string> Samplers =>
        [.. new[] { "blur", "matrix", "missingpatches" }.Select(n => $"samplers/deg_{n}").Where(Golden.Exists)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void HAndItsPseudoInverseEqualTheVectors(string name)
    {
        using var scope = NewDisposeScope();
        var golden = new Golden(name);
        using var op = golden.Operator();
        Close.To(golden.Tensor("H_feat5"), op.Apply(golden.Tensor("feat5")), 1e-5, "H");
        Close.To(golden.Tensor("Hpinv5_ry"), op.PseudoInverse(golden.Tensor("ry")), 2e-5, "H⁺");
        if (golden.Has("Hpinv5_ry_noise01"))
            Close.To(golden.Tensor("Hpinv5_ry_noise01"), op.PseudoInverse(golden.Tensor("ry"), 0.1), 2e-5, "damped H⁺");
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void WhatANetworkReadsEqualsTheVectors(string name)
    {
        using var scope = NewDisposeScope();
        var golden = new Golden(name);
        using var op = golden.Operator();
        Close.To(golden.Tensor("y"), op.Apply(golden.Tensor("x0").unsqueeze(1)), 1e-5, "y");
        Close.To(golden.Tensor("H_x"), op.Apply(golden.Tensor("x_noisy").unsqueeze(1)), 1e-5, "H x");
        Close.To(golden.Tensor("Hpinv_y").unsqueeze(1), op.PseudoInverse(golden.Tensor("y")), 2e-5, "H⁺ y");
    }

    [Theory]
    [MemberData(nameof(Samplers))]
    public void MeasurementsOfTheSamplersEqualTheVectors(string name)
    {
        using var scope = NewDisposeScope();
        var golden = new Golden(name);
        using var op = golden.Operator();
        var clean = op.Apply(new Golden("samplers/common").Tensor("x0").unsqueeze(1));
        Close.To(golden.Tensor("y_n0"), clean, 1e-5, "y");
        Close.To(golden.Tensor("y_n01"), clean + 0.1 * golden.Tensor("y_noise"), 1e-5, "noisy y");
    }

    [Theory]
    [InlineData("degradations/motionblur_16")]
    [InlineData("degradations/motionblur_96_stride8")]
    [InlineData("degradations/srconv_64")]
    [InlineData("degradations/srconv_mixcolor_16")]
    public void SpectraEqualTheVectors(string name)
    {
        Assert.SkipUnless(Golden.Exists(name), "the vector is not in this selection");
        using var scope = NewDisposeScope();
        var golden = new Golden(name);
        using var op = (InvFusion.Degradations.FourierOperator)golden.Operator();
        var whole = view_as_complex(golden.Tensor("deg_fft_kernel"));
        var half = view_as_real(whole.narrow(-1, 0, golden.Image.Width + 1).unsqueeze(1).contiguous());
        Close.To(half, view_as_real(op.Spectrum), 1e-5, "F");
        var inverse = where(op.Energy > 0, 1 / op.Energy, zeros_like(op.Energy));
        Close.To(golden.Tensor("deg_fft_inner_kernel"), inverse.squeeze(1), 1e-3, "I");
    }
}
