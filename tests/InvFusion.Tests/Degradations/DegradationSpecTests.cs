using InvFusion.Degradations;
using InvFusion.Formats.Numpy;
using InvFusion.Imaging;
using InvFusion.Tests.Data;
using InvFusion.Tests.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

[Collection(TorchTests.Collection)]
public sealed class DegradationSpecTests : IDisposable
{
    private static readonly ImageShape Image = new(3, 16, 16);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("box:4,2,10,8", typeof(MaskOperator), 1)]
    [InlineData("box", typeof(MaskOperator), 2)]
    [InlineData("missing-box:0,0,16,1", typeof(MaskOperator), 1)]
    [InlineData("patches:size=8,keep=0.05", typeof(MaskOperator), 2)]
    [InlineData("pixels", typeof(MaskOperator), 2)]
    [InlineData("pixels:keep=0.2,seed=4", typeof(MaskOperator), 2)]
    [InlineData("rows", typeof(MaskOperator), 2)]
    [InlineData("rows:keep=0.25,seed=4", typeof(MaskOperator), 2)]
    [InlineData("gaussian", typeof(FourierOperator), 2)]
    [InlineData("gaussian:sigma=1.5", typeof(FourierOperator), 2)]
    [InlineData("disk", typeof(FourierOperator), 2)]
    [InlineData("disk:radius=2.5,seed=1", typeof(FourierOperator), 2)]
    [InlineData("compressed", typeof(CompressedSensingOperator), 2)]
    [InlineData("motion:stride=2,intensity=0.5,seed=3", typeof(FourierOperator), 2)]
    [InlineData("blur:sigma=2", typeof(SeparableBlur), 1)]
    [InlineData("blur:uniform=5,border=zero", typeof(SeparableBlur), 1)]
    [InlineData("sr:4", typeof(DownsampleOperator), 1)]
    [InlineData("sr:4,method=box", typeof(DownsampleOperator), 1)]
    [InlineData("sr", typeof(FourierOperator), 2)]
    [InlineData("random-matrix:rows=64", typeof(MatrixOperator), 2)]
    [InlineData("gray", typeof(GrayscaleOperator), 1)]
    [InlineData("grey", typeof(GrayscaleOperator), 1)]
    [InlineData("compressed:keep=0.1", typeof(CompressedSensingOperator), 2)]
    [InlineData("none", typeof(NoDegradation), 1)]
    [InlineData("gray+sr:2", typeof(CompositionOperator), 1)]
    [InlineData("degradation.MotionBlur", typeof(FourierOperator), 2)]
    [InlineData("degradation.MissingPatches", typeof(MaskOperator), 2)]
    [InlineData("degradation.Box", typeof(MaskOperator), 2)]
    [InlineData("degradation.MissingBox", typeof(MaskOperator), 2)]
    [InlineData("degradation.SRConv", typeof(FourierOperator), 2)]
    [InlineData("degradation.Degradation", typeof(MatrixOperator), 2)]
    [InlineData("degradation.MatrixDegradation", typeof(MatrixOperator), 2)]
    [InlineData("degradation.NoDegradation", typeof(NoDegradation), 1)]
    public void A_name_gives_its_operator(string spec, Type type, int batch)
    {
        using var op = DegradationSpec.Parse(spec).Build(Image, batch: 2);
        Assert.Equal((type, batch, Image), (op.GetType(), op.BatchSize, op.Image));
    }

    [Theory]
    [InlineData("blob", "'blob' is unknown, choose from box,")]
    [InlineData("", "'' is unknown")]
    [InlineData("gray+", "'' is unknown")]
    [InlineData("gray+blob", "'blob' is unknown")]
    [InlineData("box:1,2,3", "has 3 of 4 corners")]
    [InlineData("box:1,2,1,4", "'x1' is '1', needed a whole number from 2 to")]
    [InlineData("box:1,2,x,4", "'x1' is 'x'")]
    [InlineData("box:1,2,3,4,5", "does not know '5'")]
    [InlineData("box:0,0,17,4", "the box ends at (17, 4), the image at (16, 16)")]
    [InlineData("mask", "needs an image or .npy file")]
    [InlineData("patches:keep=0", "'keep' is '0', needed a number in (0, 1]")]
    [InlineData("patches:keep=NaN", "'keep' is 'NaN'")]
    [InlineData("patches:size=0", "'size' is '0'")]
    [InlineData("patches:keep=0.1,keep=0.2", "'keep' is given twice")]
    [InlineData("pixels:keep=0", "'keep' is '0', needed a number in (0, 1]")]
    [InlineData("pixels:0.2", "does not know '0.2'; usage: pixels[:keep=SHARE,seed=N]")]
    [InlineData("rows:keep=1.1", "'keep' is '1.1', needed a number in (0, 1]")]
    [InlineData("rows:size=2", "does not know 'size=2'; usage: rows[:keep=SHARE,seed=N]")]
    [InlineData("gaussian:sigma=0", "'sigma' is '0', needed a number in (0, 1000]")]
    [InlineData("gaussian:std=1", "does not know 'std=1'; usage: gaussian[:sigma=PIXELS,border=reflect|zero|periodic|valid,seed=N]")]
    [InlineData("disk:radius=-1", "'radius' is '-1', needed a number in (0, 1000]")]
    [InlineData("disk:3", "does not know '3'; usage: disk[:radius=PIXELS,border=reflect|zero|periodic|valid,seed=N]")]
    [InlineData("motion:strid=2", "does not know 'strid=2'; usage: motion[:stride=S")]
    [InlineData("motion:stride=3", "the stride 3 does not divide 32")]
    [InlineData("motion:intensity=1.5", "'intensity' is '1.5', needed a number in [0, 1]")]
    [InlineData("motion:seed=-1", "'seed' is '-1'")]
    [InlineData("blur", "needs one of sigma and uniform")]
    [InlineData("blur:sigma=1,uniform=3", "needs one of sigma and uniform")]
    [InlineData("blur:sigma=-1", "'sigma' is '-1'")]
    [InlineData("blur:uniform=4", "needed an odd whole number")]
    [InlineData("blur:sigma=1,border=wrap", "'border' is 'wrap', choose from reflect, zero, periodic, valid")]
    [InlineData("sr:5", "the scale factor 5 does not divide 16")]
    [InlineData("sr:2,method=nearest", "'method' is 'nearest', choose from bicubic, box")]
    [InlineData("sr:method=box", "'method' needs a factor")]
    [InlineData("random-matrix:rows=0", "'rows' is '0'")]
    [InlineData("compressed:keep=2", "'keep' is '2'")]
    [InlineData("none:1", "does not know '1'")]
    [InlineData("random-matrix+gray", "nothing can follow 'random-matrix'")]
    public void Nonsense_is_refused_in_one_line_that_names_it(string spec, string expected)
    {
        var error = Assert.Throws<ConfigurationException>(() => DegradationSpec.Parse(spec).Build(Image).Dispose());
        Assert.Contains("degradation '", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("disk:radius=2", true, typeof(FramedBlur))]
    [InlineData("disk:radius=2,border=zero", false, typeof(FourierOperator))]
    [InlineData("gaussian:sigma=1", true, typeof(FramedBlur))]
    [InlineData("blur:sigma=1", false, typeof(SeparableBlur))]
    [InlineData("motion", false, typeof(FourierOperator))]
    public void A_border_that_is_left_open_is_unknown_only_for_photographs(string spec, bool open, Type ofPhotograph)
    {
        var parsed = DegradationSpec.Parse(spec);
        Assert.Equal(open, parsed.OpenBorder);
        using var op = parsed.ForPhotograph().Build(Image);
        Assert.IsType(ofPhotograph, op);
        using var simulated = parsed.Build(Image);
        if (open)
            Assert.IsType<FourierOperator>(simulated);
    }

    [Theory]
    [InlineData("blur:sigma=1", true)]
    [InlineData("box:1,1,4,4", true)]
    [InlineData("box", false)]
    [InlineData("disk:radius=2", true)]
    [InlineData("disk", false)]
    [InlineData("motion", false)]
    [InlineData("sr:2", false)]
    [InlineData("gray+blur:uniform=3", true)]
    [InlineData("mask:m.png", true)]
    [InlineData("kernel:k.npy", true)]
    [InlineData("matrix:m.npy", true)]
    public void It_says_whether_it_is_in_the_picture_s_own_pixels(string spec, bool own) =>
        Assert.Equal(own, DegradationSpec.Parse(spec).OwnPixels);

    [Fact]
    public void A_box_names_its_corners_in_pixels()
    {
        using var scope = NewDisposeScope();
        using var op = DegradationSpec.Parse("box:4,2,10,8").Build(Image);
        var seen = op.Apply(ones([1, 1, 3, 16, 16])).reshape(3, 16, 16);
        Assert.Equal(3 * 6 * 6, seen.sum().item<float>());
        Assert.Equal(3 * 6 * 6, seen[.., 2..8, 4..10].sum().item<float>());
    }

    [Fact]
    public void A_mask_file_shows_what_is_seen()
    {
        using var scope = NewDisposeScope();
        var pixels = new byte[256];
        pixels[17] = 255;
        ImageEncoder.Save(new RgbImage(16, 16, 1, pixels), _folder["a+b,c=d.png"]);
        Npy.Write(_folder["mask.npy"], NpyArray.FromSingles(Array.ConvertAll(pixels, p => p / 255f), 16, 16));
        foreach (var file in new[] { "a+b,c=d.png", "mask.npy" })
        {
            using var op = DegradationSpec.Parse($"mask:{_folder[file]}").Build(Image);
            var seen = op.Apply(ones([1, 1, 3, 16, 16])).reshape(3, 256);
            Assert.Equal((3, 3), (seen.sum().item<float>(), seen[.., 17].sum().item<float>()));
        }
    }

    [Fact]
    public void A_kernel_image_blurs_with_weights_that_sum_to_one()
    {
        using var scope = NewDisposeScope();
        ImageEncoder.Save(new RgbImage(4, 4, 1, [.. Enumerable.Repeat((byte)9, 16)]), _folder["kernel.png"]);
        using var op = (FourierOperator)DegradationSpec.Parse($"kernel:{_folder["kernel.png"]},stride=2").Build(Image);
        Assert.Equal(2, op.Stride);
        Close.To(full([1, 1, 4, 4], 1 / 16f), op.Kernel, 1e-6);
    }

    [Fact]
    public void A_matrix_file_is_the_operator()
    {
        using var scope = NewDisposeScope();
        var rows = Close.Normals(1, 3, 768);
        Npy.Write(_folder["h.npy"], NpyArray.FromSingles(rows.data<float>().ToArray(), 3, 768));
        using var op = DegradationSpec.Parse($"matrix:{_folder["h.npy"]}").Build(Image);
        var x = Close.Normals(2, 1, 1, 3, 16, 16);
        Close.To(nn.functional.linear(x.flatten(2), rows), op.Apply(x), 1e-5);
    }

    [Theory]
    [InlineData("mask:missing.png")]
    [InlineData("mask:small.npy")]
    [InlineData("kernel:large.npy")]
    [InlineData("matrix:small.npy")]
    [InlineData("matrix:picture.png")]
    [InlineData("mask:nan.npy")]
    public void A_file_that_does_not_fit_is_named(string spec)
    {
        Npy.Write(_folder["small.npy"], NpyArray.FromSingles(new float[9], 3, 3));
        Npy.Write(_folder["large.npy"], NpyArray.FromSingles(new float[400], 20, 20));
        Npy.Write(_folder["nan.npy"], NpyArray.FromSingles([.. Enumerable.Repeat(float.NaN, 256)], 16, 16));
        ImageEncoder.Save(new RgbImage(16, 16), _folder["picture.png"]);
        var (name, file) = (spec.Split(':')[0], spec.Split(':')[1]);
        var error = Assert.Throws<DataFormatException>(() => DegradationSpec.Parse($"{name}:{_folder[file]}").Build(Image).Dispose());
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("motion:stride=2")]
    [InlineData("patches")]
    [InlineData("box")]
    [InlineData("sr")]
    [InlineData("matrix")]
    [InlineData("compressed")]
    public void A_sample_s_operator_is_the_same_in_every_batch_and_follows_the_seed(string spec)
    {
        using var scope = NewDisposeScope();
        var parsed = DegradationSpec.Parse(spec);
        var x = Close.Normals(1, 3, 1, 3, 16, 16);
        using var three = parsed.Build(Image, batch: 3, seed: 5);
        using var one = parsed.Build(Image, batch: 1, seed: 5);
        using var other = parsed.Build(Image, batch: 1, seed: 6);
        using var second = three.Select(1);
        var y = one.Apply(x[0..1]);
        Close.To(three.Apply(x)[0..1], y, 1e-6);
        Assert.False(y.Equals(other.Apply(x[0..1])));
        Assert.False(y.Equals(second.Apply(x[0..1])));
    }

    [Fact]
    public void A_seed_in_the_text_wins()
    {
        using var scope = NewDisposeScope();
        using var a = DegradationSpec.Parse("motion:stride=2,seed=3").Build(Image, seed: 1);
        using var b = DegradationSpec.Parse("motion:stride=2,seed=3").Build(Image, seed: 2);
        Assert.True(((FourierOperator)a).Kernel.Equals(((FourierOperator)b).Kernel));
    }

    [Fact]
    public void Random_is_one_of_the_shipped_mixture()
    {
        var types = Enumerable
            .Range(0, 60)
            .Select(i =>
            {
                using var op = DegradationSpec.Parse("random").Build(Image, batch: 1, seed: (ulong)i);
                return op.GetType();
            })
            .ToHashSet();
        Assert.Equal(4, types.Count); // masks, matrices, blurs, nothing
    }

    [Theory]
    [InlineData("0 and 1")]
    [InlineData("0 and 255")]
    [InlineData("white, the mask in alpha")]
    [InlineData("black, the mask in alpha")]
    public void A_mask_is_read_as_what_it_means(string kind)
    {
        using var folder = new InvFusion.Testing.TemporaryFolder();
        var path = folder["mask.png"];
        using (
            var bitmap = new SkiaSharp.SKBitmap(
                new SkiaSharp.SKImageInfo(16, 16, SkiaSharp.SKColorType.Rgba8888, SkiaSharp.SKAlphaType.Unpremul)
            )
        )
        {
            for (var i = 0; i < 256; i++)
            {
                var on = i % 16 < 4;
                bitmap.SetPixel(
                    i % 16,
                    i / 16,
                    kind switch
                    {
                        "0 and 1" => on ? new SkiaSharp.SKColor(1, 1, 1) : SkiaSharp.SKColors.Black,
                        "0 and 255" => on ? SkiaSharp.SKColors.White : SkiaSharp.SKColors.Black,
                        "white, the mask in alpha" => new SkiaSharp.SKColor(255, 255, 255, on ? (byte)255 : (byte)0),
                        _ => new SkiaSharp.SKColor(0, 0, 0, on ? (byte)255 : (byte)0),
                    }
                );
            }
            using var encoded = bitmap.Encode(SkiaSharp.SKEncodedImageFormat.Png, 100);
            File.WriteAllBytes(path, encoded.ToArray());
        }
        using var scope = NewDisposeScope();
        var specification = DegradationSpec.Parse($"mask:{path}");
        using var op = specification.Build(new ImageShape(3, 16, 16));
        Assert.Equal(64, op.Picture()!.sum().item<float>());
        Assert.Empty(specification.Notices());
    }

    [Theory]
    [InlineData(0, "keeps no pixel, so that nothing is measured")]
    [InlineData(255, "keeps every pixel, so that nothing is missing")]
    public void A_mask_of_one_value_is_said(byte value, string expected)
    {
        using var folder = new InvFusion.Testing.TemporaryFolder();
        var flat = new InvFusion.Imaging.RgbImage(16, 16);
        flat.Pixels.AsSpan().Fill(value);
        InvFusion.Imaging.ImageEncoder.Save(flat, folder["mask.png"]);
        var notice = Assert.Single(DegradationSpec.Parse($"blur:sigma=1+mask:{folder["mask.png"]}").Notices());
        Assert.StartsWith(folder["mask.png"], notice);
        Assert.Contains(expected, notice);
        Assert.Empty(DegradationSpec.Parse("box").Notices());
    }
}
