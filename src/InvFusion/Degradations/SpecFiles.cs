using InvFusion.Formats.Numpy;
using InvFusion.Imaging;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>Masks, kernels and matrices from files: images or .npy arrays.</summary>
internal static class SpecFiles
{
    /// <summary>
    /// A mask <c>[1, 1 or C, H, W]</c>: light is observed (above half of the range; above 0.5 in an array). An image that has but 0 and 1 of 255 means those; one of a single colour
    /// with an alpha that varies means that.
    /// </summary>
    public static Tensor Mask(string path, ImageShape image)
    {
        var mask = Mask(path);
        if (mask.shape[^2] == image.Height && mask.shape[^1] == image.Width && (mask.shape[1] == 1 || mask.shape[1] == image.Channels))
            return mask;
        throw new DataFormatException($"{path}: the mask is {Size(mask)}, the image {image}; give one of the image's height and width");
    }

    /// <summary>Why a mask is hardly what was meant, in one line: it keeps nothing, or everything. Null where it keeps a part.</summary>
    public static string? MaskNotice(string path)
    {
        using var scope = NewDisposeScope();
        var kept = (Mask(path) > 0.5).to_type(ScalarType.Float32).mean().item<float>();
        return kept is > 0 and < 1
            ? null
            : $"{path}: the mask keeps {(kept > 0 ? "every" : "no")} pixel, so that {(kept > 0 ? "nothing is missing" : "nothing is measured")}; a pixel is kept where the mask is light";
    }

    private static Tensor Mask(string path)
    {
        if (IsArray(path))
            return Planes(path, "mask");
        var grey = ImageDecoder.Load(path).ToGrey();
        if (
            grey.Pixels.All(p => p == grey.Pixels[0])
            && ImageDecoder.LoadAlpha(path) is { } alpha
            && alpha.Pixels.Any(p => p != alpha.Pixels[0])
        )
            grey = alpha;
        var full = Math.Max((byte)1, grey.Pixels.Max()) == 1 ? 1f : 255f;
        return tensor(System.Array.ConvertAll(grey.Pixels, p => p / full)).reshape(1, 1, grey.Height, grey.Width);
    }

    /// <summary>A kernel <c>[1, 1 or C, kh, kw]</c>: that of an image is normalised to sum 1, an array is taken as it is.</summary>
    public static Tensor Kernel(string path, ImageShape image)
    {
        using var scope = NewDisposeScope();
        var kernel = Planes(path, "kernel");
        if (!IsArray(path))
        {
            var sum = kernel.sum().item<float>();
            if (sum <= 0)
                throw new DataFormatException($"{path}: the kernel is black; give an image whose light is the blur");
            kernel = kernel / sum;
        }
        if (
            kernel.shape[^2] > image.Height
            || kernel.shape[^1] > image.Width
            || (kernel.shape[1] != 1 && kernel.shape[1] != image.Channels)
        )
            throw new DataFormatException($"{path}: the kernel is {Size(kernel)}, larger than the image {image}; crop it");
        return kernel.MoveToOuterDisposeScope();
    }

    /// <summary>A matrix <c>[1, O, C·H·W]</c>.</summary>
    public static Tensor Matrix(string path, ImageShape image)
    {
        var matrix = Array(path);
        if (matrix.dim() == 2)
            matrix = matrix.unsqueeze(0);
        if (matrix.dim() == 3 && matrix.shape[0] == 1 && matrix.shape[1] > 0 && matrix.shape[2] == image.Length)
            return matrix;
        throw new DataFormatException($"{path}: the matrix is {Size(matrix)}, needed O×{image.Length} for {image} images");
    }

    // [1, channels, height, width]: the light of an image in [0, 1], or an array of two or three dimensions.
    private static Tensor Planes(string path, string what)
    {
        if (IsArray(path))
        {
            var array = Array(path);
            return array.dim() switch
            {
                2 => array.unsqueeze(0).unsqueeze(0),
                3 => array.unsqueeze(0),
                _ => throw new DataFormatException(
                    $"{path}: the {what} has {array.dim()} dimensions, needed height×width or channels×height×width"
                ),
            };
        }
        var grey = ImageDecoder.Load(path).ToGrey();
        return tensor(System.Array.ConvertAll(grey.Pixels, p => p / 255f)).reshape(1, 1, grey.Height, grey.Width);
    }

    private static Tensor Array(string path)
    {
        if (!IsArray(path))
            throw new DataFormatException($"{path}: not a .npy file");
        var array = Npy.Read(path);
        var values = array.ToSingles();
        if (!values.All(float.IsFinite))
            throw new DataFormatException($"{path}: holds numbers that are not finite");
        return tensor(values).reshape(array.Shape);
    }

    private static bool IsArray(string path) => path.EndsWith(".npy", StringComparison.OrdinalIgnoreCase);

    private static string Size(Tensor t) => string.Join('×', t.shape);
}
