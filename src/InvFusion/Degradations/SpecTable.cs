using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>The names that a specification knows, their keys, and what they build.</summary>
internal static class SpecTable
{
    private const int MostPixels = 1 << 16;
    private const string Borders = "reflect|zero|periodic|valid";

    private static readonly Entry[] Table =
    [
        new("box", ["seed"], a => Box(a, missing: false), Local, a => a.Count > 0),
        new("missing-box", ["seed"], a => Box(a, missing: true), Local, a => a.Count > 0),
        new("mask", [], Mask, Local, _ => true),
        new("patches", ["size", "keep", "seed"], Patches, Local),
        new("pixels", ["keep", "seed"], Pixels, Local),
        new("rows", ["keep", "seed"], MissingRows, Local),
        new("motion", ["stride", "intensity", "seed"], Motion),
        new("blur", ["sigma", "uniform", "border"], Blur, OwnPixels: _ => true),
        new("gaussian", ["sigma", "border", "seed"], Gaussian, OwnPixels: a => a.Has("sigma")),
        new("disk", ["radius", "border", "seed"], Disk, OwnPixels: a => a.Has("radius")),
        new("kernel", ["stride", "border"], Kernel, OwnPixels: _ => true),
        new("sr", ["method", "seed"], SuperResolution, a => IsBicubic(a) || a.Count == 0 ? null : Factor(a)),
        new("matrix", ["seed"], Matrix, OwnPixels: a => a.Count > 0),
        new("random-matrix", ["rows", "seed"], RandomMatrix),
        new("gray", [], a => Plain(a, "gray", r => new GrayscaleOperator(r.Image)), Local),
        new("compressed", ["keep", "seed"], Compressed),
        new("random", ["seed"], a => Plain(a, "random[:seed=N]", r => r.Draw(DegradationFamilies.Default()))),
        new("identity", [], a => Plain(a, "identity", r => new IdentityOperator(r.Image)), Local),
        new("none", [], a => Plain(a, "none", r => new NoDegradation(r.Image)), Local),
    ];

    /// <summary>All names.</summary>
    public static IEnumerable<string> Names => Table.Select(e => e.Name);

    /// <summary>The entry of a name or public class name, or null.</summary>
    public static Entry? Find(string name)
    {
        var known = name == "grey" ? "gray" : DegradationFamilies.Resolve(name) ?? name;
        return Array.Find(Table, e => e.Name == known);
    }

    // Corners in pixels, (x0, y0) inside and (x1, y1) outside; without them a random box.
    private static Func<SpecRequest, LinearOperator> Box(SpecArguments a, bool missing)
    {
        const string Usage = "box:x0,y0,x1,y1 (pixels; x1 and y1 are the first ones outside) or box for a random one";
        a.AtMost(4, Usage);
        if (a.Count == 0)
            return r => r.Draw(new BoxFamily(missing));
        if (a.Count != 4)
            throw a.Error($"has {a.Count} of 4 corners; usage: {Usage}");
        var (x0, y0) = (a.Int(0, "x0", 0, MostPixels), a.Int(1, "y0", 0, MostPixels));
        var (x1, y1) = (a.Int(2, "x1", x0 + 1, MostPixels), a.Int(3, "y1", y0 + 1, MostPixels));
        return r =>
        {
            if (x1 > r.Image.Width || y1 > r.Image.Height)
                throw new ArgumentException($"the box ends at ({x1}, {y1}), the image at ({r.Image.Width}, {r.Image.Height})");
            var mask = tensor(BoxFamily.Mask(r.Image, (x0, x1), (y0, y1), missing)).reshape(1, 1, r.Image.Height, r.Image.Width);
            return new MaskOperator(r.Image, r.Place(mask));
        };
    }

    private static Func<SpecRequest, LinearOperator> Mask(SpecArguments a)
    {
        var path = a.File("an image or .npy file");
        return r => new MaskOperator(r.Image, r.Place(SpecFiles.Mask(path, r.Image)));
    }

    private static Func<SpecRequest, LinearOperator> Patches(SpecArguments a)
    {
        a.AtMost(0, "patches[:size=PIXELS,keep=PROBABILITY,seed=N]");
        var (size, keep) = (a.Int("size", 1, MostPixels), a.Number("keep", 0, 1));
        return r =>
            r.Draw(keep is { } p ? new MissingPatchesFamily { Side = size, Keep = (p, p) } : new MissingPatchesFamily { Side = size });
    }

    // A random family one of whose ranges an option may fix to one value.
    private static Func<SpecRequest, LinearOperator> Drawn(
        SpecArguments a,
        string usage,
        string key,
        double most,
        Func<(double, double)?, DegradationFamily> family
    )
    {
        a.AtMost(0, usage);
        var value = a.Number(key, 0, most);
        return r => r.Draw(family(value is { } v ? (v, v) : null));
    }

    private static Func<SpecRequest, LinearOperator> Pixels(SpecArguments a) =>
        Drawn(
            a,
            "pixels[:keep=SHARE,seed=N]",
            "keep",
            1,
            k => k is { } r ? new MissingPixelsFamily { Keep = r } : new MissingPixelsFamily()
        );

    private static Func<SpecRequest, LinearOperator> MissingRows(SpecArguments a) =>
        Drawn(a, "rows[:keep=SHARE,seed=N]", "keep", 1, k => k is { } r ? new MissingRowsFamily { Keep = r } : new MissingRowsFamily());

    private static Func<SpecRequest, LinearOperator> Motion(SpecArguments a)
    {
        a.AtMost(0, "motion[:stride=S,intensity=0…1,seed=N]");
        var (stride, intensity) = (a.Int("stride", 1, MostPixels), a.Number("intensity", 0, 1, closed: true));
        return r =>
            r.Draw(
                intensity is { } i ? new MotionBlurFamily { Stride = stride, Intensity = (i, i) } : new MotionBlurFamily { Stride = stride }
            );
    }

    private static Func<SpecRequest, LinearOperator> Blur(SpecArguments a)
    {
        const string Usage = $"blur:sigma=PIXELS or blur:uniform=PIXELS[,border={Borders}]";
        a.AtMost(0, Usage);
        var (sigma, width) = (a.Number("sigma", 0, 1000), a.Int("uniform", 1, 1001));
        var border = Border(a) ?? BlurBorder.Reflect;
        if (sigma is null == width is null)
            throw a.Error($"needs one of sigma and uniform; usage: {Usage}");
        if (width % 2 == 0)
            throw a.Error($"'uniform' is '{width}', needed an odd whole number from 1 to 1001");
        return r =>
            sigma is { } s
                ? SeparableBlur.Gaussian(r.Image, s, border, r.Device)
                : SeparableBlur.Uniform(r.Image, width!.Value, border, r.Device);
    }

    // Null where the specification leaves it open.
    private static BlurBorder? Border(SpecArguments a) =>
        a.Has("border") ? Enum.Parse<BlurBorder>(a.Choice("border", Borders.Split('|')), ignoreCase: true) : null;

    private static Func<SpecRequest, LinearOperator> Gaussian(SpecArguments a)
    {
        var range = Size(a, "gaussian", "sigma") ?? new GaussianBlurFamily().Sigma;
        return RoundBlur(
            a,
            (border, framed) =>
                new GaussianBlurFamily
                {
                    Sigma = range,
                    Border = border,
                    Framed = framed,
                }
        );
    }

    private static Func<SpecRequest, LinearOperator> Disk(SpecArguments a)
    {
        var range = Size(a, "disk", "radius") ?? new DiskBlurFamily().Radius;
        return RoundBlur(
            a,
            (border, framed) =>
                new DiskBlurFamily
                {
                    Radius = range,
                    Border = border,
                    Framed = framed,
                }
        );
    }

    private static (double, double)? Size(SpecArguments a, string name, string key)
    {
        a.AtMost(0, $"{name}[:{key}=PIXELS,border={Borders},seed=N]");
        return a.Number(key, 0, 1000) is { } size ? (size, size) : null;
    }

    // Unlike blur, the operators of kernels: on the doubled canvas, as the network is trained with them, unless they have a border.
    private static Func<SpecRequest, LinearOperator> RoundBlur(SpecArguments a, Func<BlurBorder, bool, RoundBlurFamily> family)
    {
        var border = Border(a);
        return r => r.Draw(family(border ?? r.OpenBorder, border is null && r.Framed));
    }

    private static Func<SpecRequest, LinearOperator> Kernel(SpecArguments a)
    {
        var path = a.File("an image or .npy file");
        var (stride, border) = (a.Int("stride", 1, MostPixels) ?? 1, Border(a));
        return r =>
        {
            var (kernel, open) = (r.Place(SpecFiles.Kernel(path, r.Image)), border ?? r.OpenBorder);
            return open == BlurBorder.Zero && !(border is null && r.Framed)
                ? FourierOperator.Convolution(r.Image, kernel, stride)
                : new FramedBlur(r.Image, kernel, open, stride);
        };
    }

    // A scale factor, or without one the random kernels of training.
    private static Func<SpecRequest, LinearOperator> SuperResolution(SpecArguments a)
    {
        a.AtMost(1, "sr:FACTOR[,method=bicubic|box] or sr for a random kernel");
        if (a.Count == 0)
            return a.Has("method")
                ? throw a.Error("'method' needs a factor, as in sr:4,method=box")
                : r => r.Draw(new SuperResolutionFamily());
        var (factor, bicubic) = (Factor(a), IsBicubic(a));
        return r => new DownsampleOperator(r.Image, factor, bicubic, r.Device);
    }

    private static int Factor(SpecArguments a) => a.Int(0, "factor", 1, MostPixels);

    private static bool IsBicubic(SpecArguments a) => a.Choice("method", "bicubic", "box") == "bicubic";

    // Of degradations whose every measured pixel sees one pixel of the image.
    private static int? Local(SpecArguments a) => 1;

    private static Func<SpecRequest, LinearOperator> Matrix(SpecArguments a)
    {
        if (a.Count == 0)
            return r => r.Draw(new MatrixFamily());
        var path = a.File("a .npy file");
        return r => new MatrixOperator(r.Image, r.Place(SpecFiles.Matrix(path, r.Image)));
    }

    private static Func<SpecRequest, LinearOperator> RandomMatrix(SpecArguments a)
    {
        a.AtMost(0, "random-matrix[:rows=N,seed=N]");
        var rows = a.Int("rows", 1, 4096);
        return r => r.Draw(rows is { } n ? new MatrixFamily { MinRows = n, MaxRows = n } : new MatrixFamily());
    }

    private static Func<SpecRequest, LinearOperator> Compressed(SpecArguments a)
    {
        a.AtMost(0, "compressed[:keep=FRACTION,seed=N]");
        var keep = a.Number("keep", 0, 1);
        return r =>
            keep is { } p
                ? CompressedSensingOperator.Draw(r.Image, p, r.Samples, r.Device) // no draw for the fraction
                : r.Draw(new CompressedSensingFamily());
    }

    private static Func<SpecRequest, LinearOperator> Plain(SpecArguments a, string usage, Func<SpecRequest, LinearOperator> build)
    {
        a.AtMost(0, usage);
        return build;
    }

    /// <summary>One name.</summary>
    /// <param name="Name">The name.</param>
    /// <param name="Keys">The keys that it takes.</param>
    /// <param name="Parse">Checks the arguments and gives what builds the operator.</param>
    /// <param name="WindowStep">The operator's <see cref="LinearOperator.WindowStep"/>, known before it is built; no function for one that is not local.</param>
    /// <param name="OwnPixels">Whether the arguments are in pixels of the picture that is measured, so that it must not be resized; no function for never.</param>
    internal sealed record Entry(
        string Name,
        IReadOnlyList<string> Keys,
        Func<SpecArguments, Func<SpecRequest, LinearOperator>> Parse,
        Func<SpecArguments, int?>? WindowStep = null,
        Func<SpecArguments, bool>? OwnPixels = null
    );
}
