using TorchSharp;
using static TorchSharp.torch;

namespace InvFusion.Training.Augmentation;

/// <summary>
/// Carries <see cref="GeometricTransform"/>s out: images are continued by reflection, doubled with the orthogonal wavelet sym6, sampled bilinearly at the doubled
/// resolution and halved with the same wavelet (Karras et al. 2020, appendix B), so that what does not move stays as it was.
/// </summary>
public static class GeometricAugmentation
{
    // The low-pass of Daubechies' least asymmetric wavelet of order 6.
    private static readonly float[] Wavelet =
    [
        0.015404109327027373f,
        0.0034907120842174702f,
        -0.11799011114819057f,
        -0.048311742585633f,
        0.4910559419267466f,
        0.787641141030194f,
        0.3379294177276218f,
        -0.07263752278646252f,
        -0.021060292512300564f,
        0.04472490177066578f,
        0.0017677118642428036f,
        -0.007800708325034148f,
    ];

    private static int Reach => Wavelet.Length / 4; // pixels that the filter needs beyond the image, at the images' resolution

    /// <summary>Transforms each image by itself: the result of one does not depend on the others. <c>[B, C, H, W]</c> → the same.</summary>
    public static Tensor Apply(Tensor images, IReadOnlyList<GeometricTransform> transforms)
    {
        using var scope = NewDisposeScope();
        var results = new List<Tensor>();
        foreach (var (i, transform) in transforms.Index())
        {
            var image = Mirror(images.narrow(0, i, 1), [transform]);
            if (transform.Moves)
                image = Warp(image, [transform]).Result;
            results.Add(image);
        }
        return cat(results, 0).MoveToOuterDisposeScope();
    }

    /// <summary>The flips of each image, exactly.</summary>
    internal static Tensor Mirror(Tensor images, IReadOnlyList<GeometricTransform> transforms)
    {
        using var scope = NewDisposeScope();
        Tensor Choice(Func<GeometricTransform, bool> which) =>
            tensor(transforms.Select(which).ToArray(), device: images.device).view(-1, 1, 1, 1);
        var mirrored = where(Choice(t => t.MirrorX), images.flip(3), images);
        return where(Choice(t => t.MirrorY), mirrored.flip(2), mirrored).MoveToOuterDisposeScope();
    }

    /// <summary>Everything but the flips, with one margin for all images; the tensors belong to the caller's scope.</summary>
    internal static Steps Warp(Tensor images, IReadOnlyList<GeometricTransform> transforms)
    {
        var (batch, channels, height, width) = (images.shape[0], images.shape[1], (int)images.shape[2], (int)images.shape[3]);
        var sources = transforms.Select(t => t.Source(width, height)).ToArray();
        var margin = Margin.Around(sources, width, height, 2 * Reach);
        var padded = nn.functional.pad(images, [margin.Left, margin.Right, margin.Top, margin.Bottom], PaddingModes.Reflect);
        var doubled = Double(Double(padded, channels, 3), channels, 2);
        var (h, w) = (2 * (height + 2 * Reach), 2 * (width + 2 * Reach)); // of the sampled image
        // From [-1, 1] of the sampled image to its pixels, to centred pixels of the image and back; pixel i of the images is 2i at double resolution.
        var before = Affine.Scale(0.5, 0.5) * Affine.Shift(0.5, 0.5) * Affine.Scale(w / 2.0, h / 2.0);
        var after =
            Affine.Scale(2.0 / doubled.shape[3], 2.0 / doubled.shape[2])
            * Affine.Shift(-0.5, -0.5)
            * Affine.Scale(2, 2)
            * Affine.Shift((margin.Left - margin.Right) / 2.0, (margin.Top - margin.Bottom) / 2.0);
        var theta = tensor(sources.SelectMany(s => (after * s * before).Rows()).ToArray(), device: images.device).view(-1, 2, 3);
        var grid = nn.functional.affine_grid(theta, [batch, channels, h, w], align_corners: false);
        var sampled = nn.functional.grid_sample(doubled, grid, GridSampleMode.Bilinear, GridSamplePaddingMode.Zeros, align_corners: false);
        var result = Halve(Halve(sampled, channels, 3), channels, 2);
        return new(margin, theta, doubled, sampled, result);
    }

    // Zeros between the pixels of one dimension, then the filter.
    private static Tensor Double(Tensor x, long channels, int dimension)
    {
        var shape = x.shape;
        shape[dimension] *= 2;
        var spread = stack([x, zeros_like(x)], dimension + 1).view(shape).narrow(dimension, 0, shape[dimension] - 1);
        return Filter(spread, channels, dimension, reversed: true, stride: 1, padding: Wavelet.Length / 2);
    }

    // The filter, every second pixel, and the cut to the image.
    private static Tensor Halve(Tensor x, long channels, int dimension)
    {
        var half = Filter(x, channels, dimension, reversed: false, stride: 2, padding: (Wavelet.Length - 1) / 2);
        return half.narrow(dimension, Reach, half.shape[dimension] - 2 * Reach);
    }

    private static Tensor Filter(Tensor x, long channels, int dimension, bool reversed, long stride, long padding)
    {
        long[] shape = [1, 1, 1, 1],
            steps = [1, 1],
            pads = [0, 0];
        shape[dimension] = Wavelet.Length;
        steps[dimension - 2] = stride;
        pads[dimension - 2] = padding;
        var taps = tensor(reversed ? [.. Wavelet.Reverse()] : Wavelet, device: x.device).view(shape).repeat(channels, 1, 1, 1);
        return nn.functional.conv2d(x, taps, strides: steps, padding: pads, groups: channels);
    }

    /// <summary>What <see cref="Warp"/> went through.</summary>
    /// <param name="Margin">Pixels that were added by reflection.</param>
    /// <param name="Theta">The map of the sampling grid, <c>[B, 2, 3]</c>.</param>
    /// <param name="Doubled">Continued images at double resolution.</param>
    /// <param name="Sampled">Moved images at double resolution.</param>
    /// <param name="Result"><c>[B, C, H, W]</c>.</param>
    internal sealed record Steps(Margin Margin, Tensor Theta, Tensor Doubled, Tensor Sampled, Tensor Result);
}
