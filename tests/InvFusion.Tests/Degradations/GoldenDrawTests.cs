using InvFusion.Degradations;
using InvFusion.Tests.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

/// <summary>The recorded random draws of the public constructors, replayed: the same draws must give the same parameters.</summary>
[Collection(TorchTests.Collection)]
public sealed class GoldenDrawTests
{
    [Theory]
    [InlineData("box_24x40", false)]
    [InlineData("missingbox_24x40", true)]
    public void CutPointsGiveTheRecordedBoxes(string name, bool missing)
    {
        var golden = Case($"degradations/{name}");
        var (x, y, masks) = (golden.Values("draw_00"), golden.Values("draw_01"), golden.Values("deg_mask"));
        var size = golden.Image.Height * golden.Image.Width;
        for (var b = 0; b < golden.Batch; b++)
            Assert.Equal(
                masks.Skip(b * size).Take(size),
                BoxFamily.Mask(golden.Image, ((int)x[2 * b], (int)x[2 * b + 1]), ((int)y[2 * b], (int)y[2 * b + 1]), missing)
            );
    }

    [Theory]
    [InlineData("missingpatches_32", "draw_00", "draw_01", "draw_02")]
    [InlineData("missingpatches_retry", "draw_06", "draw_07", "draw_08")]
    public void UniformsGiveTheRecordedPatches(string name, string side, string keep, string uniforms)
    {
        var golden = Case($"degradations/{name}");
        var (draws, masks) = (golden.Values(uniforms), golden.Values("deg_mask"));
        var (size, perSample) = (golden.Image.Height * golden.Image.Width, draws.Length / golden.Batch);
        for (var b = 0; b < golden.Batch; b++)
            Assert.Equal(
                masks.Skip(b * size).Take(size),
                MissingPatchesFamily.Mask(
                    golden.Image,
                    1 << (int)golden.Values(side)[0],
                    0.1 * golden.Values(keep)[0],
                    draws.AsSpan(b * perSample, perSample)
                )
            );
    }

    [Fact]
    public void NormalsGiveTheRecordedMatrix()
    {
        using var scope = NewDisposeScope();
        var golden = Case("degradations/matrix_16");
        var normals = golden.Tensor("draw_00");
        var rows = normals / MatrixFamily.Norms(normals);
        var kept = golden.Tensor("draw_01");
        Close.To(golden.Tensor("deg_matrix"), rows * (arange(rows.shape[1]) < kept).unsqueeze(-1), 1e-6);
    }

    [Theory]
    [InlineData("srconv_32_s3to4")]
    [InlineData("srconv_64")]
    [InlineData("srconv_mixcolor_16")]
    public void NormalsGiveTheRecordedKernels(string name)
    {
        using var scope = NewDisposeScope();
        var golden = Case($"degradations/{name}");
        var normals = golden.Values("draw_01");
        var size = normals.Length / golden.Batch;
        var kernels = Enumerable.Range(0, golden.Batch).SelectMany(b => SuperResolutionFamily.Kernel(normals.AsSpan(b * size, size)));
        Close.To(golden.Tensor("deg_kernel"), tensor(kernels.ToArray()).reshape(golden.Shape("deg_kernel")), 2e-6);
        Assert.Equal(golden.Stride, 1 << (int)golden.Values("draw_00")[0]);
    }

    [Theory]
    [InlineData("degradations/motionblur_16")]
    [InlineData("degradations/motionblur_64")]
    [InlineData("degradations/motionblur_96_stride8")]
    [InlineData("samplers/deg_blur")]
    [InlineData("net_ffhq64_small/motionblur")]
    public void PathsGiveTheRecordedBlurKernels(string name)
    {
        using var scope = NewDisposeScope();
        var golden = Case(name);
        var (kh, kw) = ((int)golden.Shape("deg_kernel")[2], (int)golden.Shape("deg_kernel")[3]);
        var points = golden.Values("deg_motion_path");
        var path = points.Chunk(2).Select(p => ((double)p[0], (double)p[1])).ToArray();
        var motion = MotionKernel.FromPath(path, kw, kh);
        Close.To(golden.Tensor("deg_motion_kernelMatrix").flatten(), tensor(motion), 1e-5, "motion kernel");
        Close.To(golden.Tensor("deg_kernel")[0].flatten(), tensor(MotionBlurFamily.Widen(motion, kw, kh, golden.Stride)), 1e-5, "kernel");
    }

    [Theory]
    [InlineData("k0_8x8")]
    [InlineData("k1_16x16")]
    [InlineData("k2_32x32")]
    [InlineData("k3_32x32")]
    [InlineData("k4_64x64")]
    [InlineData("k5_100x100")]
    [InlineData("k6_128x128")]
    [InlineData("k7_128x128")]
    [InlineData("k8_40x24")]
    public void EveryStageEqualsPillowToTheBit(string name)
    {
        var golden = Case($"motionblur/{name}");
        var (width, height, path) = Motion(golden);
        var line = MotionKernel.Polyline(path, 2 * width, 2 * height, golden.Settings.GetProperty("line_width").GetInt32());
        Assert.Equal(golden.Values("img_line"), line.Select(v => (float)v));
        var blurred = MotionKernel.GaussianBlur(line, 2 * width, 2 * height, golden.Settings.GetProperty("gaussian_radius").GetInt32());
        Assert.Equal(golden.Values("img_blur"), blurred.Select(v => (float)v));
    }

    [Theory]
    [InlineData("k0_8x8", 1e-5)]
    [InlineData("k3_32x32", 1e-5)]
    [InlineData("k5_100x100", 1e-5)]
    [InlineData("k8_40x24", 1e-5)]
    [InlineData("k6_128x128", 1e-5)]
    [InlineData("k7_128x128", 1e-5)]
    public void KernelsOfRecordedPathsComeClose(string name, double tolerance)
    {
        var golden = Case($"motionblur/{name}");
        var (width, height, path) = Motion(golden);
        var kernel = MotionKernel.FromPath(path, width, height);
        Assert.Equal(1, kernel.Sum(), 1e-4);
        Assert.InRange(kernel.Zip(golden.Values("kernelMatrix"), (a, b) => Math.Abs(a - b)).Sum(), 0, tolerance);
    }

    [Fact]
    public void StepsAndAnglesGiveTheRecordedPathUpToItsRotation()
    {
        var golden = Case("motionblur/k3_32x32");
        var (width, height, path) = Motion(golden);
        double[] steps = [.. golden.Values("steps").Select(v => (double)v)];
        double[] angles = [.. golden.Values("angles").Select(v => (double)v)];
        var plain = MotionPath.Place(steps, angles, 0, width, height);
        // The rotation was not recorded: it is the angle between the two paths' first points, seen from the canvas's centre.
        var rotation = Angle(path[0]) - Angle(plain[0]);
        var turned = MotionPath.Place(steps, angles, rotation, width, height);
        Assert.InRange(rotation < 0 ? rotation + 2 * Math.PI : rotation, 0, Math.PI);
        for (var i = 0; i < path.Length; i++)
            Assert.Equal(0, Math.Max(Math.Abs(path[i].X - turned[i].X), Math.Abs(path[i].Y - turned[i].Y)), 1e-3);

        double Angle((double X, double Y) p) => Math.Atan2(p.Y - height, p.X - width);
    }

    private static (int Width, int Height, (double X, double Y)[] Path) Motion(Golden golden)
    {
        var size = golden.Settings.GetProperty("size").EnumerateArray().Select(v => v.GetInt32()).ToArray();
        var path = golden.Settings.GetProperty("path").EnumerateArray().Select(p => (p[0].GetDouble(), p[1].GetDouble())).ToArray();
        return (size[0], size[1], path);
    }

    private static Golden Case(string name)
    {
        Assert.SkipUnless(Golden.Exists(name), "the vector is not in this selection");
        return new Golden(name);
    }
}
