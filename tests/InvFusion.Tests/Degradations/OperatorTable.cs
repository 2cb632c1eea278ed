using InvFusion.Degradations;
using InvFusion.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Degradations;

/// <summary>Every operator, in several shapes: one line here puts a new one under all the laws.</summary>
internal static class OperatorTable
{
    private static readonly (string Name, Func<LinearOperator> Create)[] Rows =
    [
        ("matrix of two samples", () => Draw(new MatrixFamily { MinRows = 3, MaxRows = 20 }, new(3, 8, 8), 2)),
        ("matrix for all samples", () => Draw(new MatrixFamily { MaxRows = 12 }, new(1, 6, 10), 1)),
        ("matrix with a repeated row", RepeatedRow),
        ("matrix, Tikhonov", () => Build("random-matrix:rows=30", new(3, 8, 8), 2).Exact),
        ("motion blur, stride 2", () => Exact("motion:stride=2,seed=5", new(3, 12, 12), 2)),
        ("motion blur, stride 4", () => Exact("motion:stride=4", new(3, 16, 16), 2)),
        ("motion blur, not square", () => Exact("motion:stride=2,intensity=1", new(1, 8, 14), 2)),
        ("motion blur for all samples", () => Exact("motion:stride=8", new(3, 24, 16), 1)),
        ("super resolution", () => Draw(new SuperResolutionFamily { MinStrideLog2 = 2 }, new(3, 16, 16), 2).Exact),
        (
            "super resolution, mixed colours",
            () => Draw(new SuperResolutionFamily { MinStrideLog2 = 1, MixColor = true }, new(3, 16, 16), 2).Exact
        ),
        ("a kernel per channel", () => KernelPerChannel().Exact),
        ("patches", () => Build("patches", new(3, 20, 12), 2)),
        ("box", () => Build("box", new(3, 9, 7), 2)),
        ("missing box for all samples", () => Build("missing-box:2,3,5,6", new(3, 9, 7), 2)),
        ("a mask per channel", () => new MaskOperator(new(3, 8, 8), Close.Normals(4, 2, 3, 8, 8))),
        ("single pixels", () => Build("pixels", new(3, 9, 12), 2)),
        ("rows", () => Build("rows", new(3, 12, 7), 2)),
        ("identity", () => Build("identity", new(3, 8, 6), 2)),
        ("none", () => Build("none", new(3, 8, 8), 2)),
        ("small image, bicubic", () => Build("sr:4", new(3, 16, 24), 2)),
        ("small image, box", () => Build("sr:3,method=box", new(1, 12, 9), 2)),
        ("Gaussian blur", () => Build("blur:sigma=1", new(3, 16, 12), 2)),
        ("Gaussian blur, wide", () => Build("blur:sigma=3,border=zero", new(1, 20, 24), 2)),
        ("Gaussian blur, periodic", () => Build("blur:sigma=1,border=periodic", new(3, 16, 12), 2)),
        ("Gaussian blur, inside the frame", () => Build("blur:sigma=1,border=valid", new(3, 16, 12), 2)),
        ("uniform blur, inside the frame", () => Build("blur:uniform=5,border=valid", new(1, 9, 12), 2)),
        ("point-spread function", () => Convolution(new(3, 12, 8), 5, 4).Exact),
        ("point-spread function, reflected", () => new FramedBlur(new(3, 12, 9), Psfs(2, 1, 5, 4), BlurBorder.Reflect).Exact),
        ("point-spread function, zeros", () => new FramedBlur(new(1, 12, 8), Psfs(1, 1, 3, 5), BlurBorder.Zero).Exact),
        ("point-spread function, periodic", () => new FramedBlur(new(3, 12, 8), Psfs(2, 1, 4, 5), BlurBorder.Periodic, 2).Exact),
        ("point-spread function, inside the frame", () => new FramedBlur(new(3, 12, 10), Psfs(2, 1, 5, 4), BlurBorder.Valid).Exact),
        ("point-spread functions of channels", () => new FramedBlur(new(3, 12, 8), Psfs(2, 3, 3, 4), BlurBorder.Valid, 2).Exact),
        ("disk kernel, reflected", () => Build("disk:radius=2,border=reflect", new(3, 12, 10), 2).Exact),
        ("uniform blur", () => Build("blur:uniform=5", new(3, 16, 16), 2)),
        ("Gaussian kernels", () => Draw(new GaussianBlurFamily { Sigma = (0.5, 1.5) }, new(3, 8, 6), 2).Exact),
        ("Gaussian kernel, wide", () => Exact("gaussian:sigma=4", new(1, 12, 10), 2)),
        ("disk kernels", () => Draw(new DiskBlurFamily(), new(1, 12, 10), 2).Exact),
        ("grey", () => Build("gray", new(3, 8, 6), 2)),
        ("compressed sensing", () => Build("compressed:keep=0.2", new(3, 8, 12), 2)),
        ("compressed sensing for all samples", () => Build("compressed:keep=0.5", new(1, 5, 7), 1)),
        ("compressed sensing, two fractions", () => Draw(new CompressedSensingFamily(), new(3, 8, 12), 2)),
        ("a small grey image", () => Build("gray+sr:2", new(3, 8, 12), 2)),
        ("a small image of what is left", () => Build("patches:keep=0.5,size=2+sr:2,method=box", new(3, 8, 8), 2)),
        ("random measurements of a box", () => Build("missing-box:0,0,3,3+random-matrix:rows=9", new(1, 8, 8), 2)),
        ("several kinds in one batch", SeveralKinds),
    ];

    public static TheoryData<string, int> Names =>
        [.. Rows.SelectMany(row => new[] { 1, 3 }.Select(k => new TheoryDataRow<string, int>(row.Name, k)))];

    public static LinearOperator Create(string name) => Rows.Single(row => row.Name == name).Create();

    public static long Batch(LinearOperator op) => op.BatchSize == 1 ? 2 : op.BatchSize;

    public static Tensor Images(LinearOperator op, int k, ulong seed) =>
        Close.Normals(seed, Batch(op), k, op.Image.Channels, op.Image.Height, op.Image.Width);

    public static Tensor Measurements(LinearOperator op, int k, ulong seed) => Close.Normals(seed, Batch(op), k, op.MeasurementLength);

    private static LinearOperator Build(string spec, ImageShape image, int batch) =>
        DegradationSpec.Parse(spec).Build(image, batch, seed: 11);

    private static LinearOperator Exact(string spec, ImageShape image, int batch) => Build(spec, image, batch).Exact;

    private static LinearOperator Draw(DegradationFamily family, ImageShape image, int batch) =>
        family.Draw(image, [.. Enumerable.Range(0, batch).Select(i => new RandomStream(1, (ulong)i))], new RandomStream(2));

    private static BatchOperator SeveralKinds()
    {
        var image = new ImageShape(3, 8, 8);
        return new BatchOperator(
            (Build("box", image, 2), 2),
            (Build("sr:4", image, 1), 1),
            (Build("gray", image, 1), 1),
            (Draw(new MatrixFamily { MaxRows = 20 }, image, 1), 1)
        );
    }

    private static MatrixOperator RepeatedRow()
    {
        using var scope = NewDisposeScope();
        var rows = Close.Normals(3, 2, 5, 48) * 10;
        rows[.., 4] = rows[.., 1];
        return new MatrixOperator(new(3, 4, 4), rows);
    }

    private static FourierOperator Convolution(ImageShape image, long height, long width)
    {
        using var scope = NewDisposeScope();
        return FourierOperator.Convolution(image, Psfs(2, 1, height, width));
    }

    private static Tensor Psfs(params long[] shape)
    {
        using var scope = NewDisposeScope();
        var taps = Close.Normals(8, shape).abs();
        return (taps / taps.sum([2, 3], keepdim: true)).MoveToOuterDisposeScope();
    }

    private static FourierOperator KernelPerChannel()
    {
        using var scope = NewDisposeScope();
        return new FourierOperator(new(3, 12, 8), Close.Normals(6, 2, 3, 4, 4).abs() / 8, stride: 2);
    }
}
