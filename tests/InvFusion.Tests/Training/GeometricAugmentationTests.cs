using InvFusion.Runtime;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using InvFusion.Training.Augmentation;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Training;

[Collection(TorchTests.Collection), NoTensorLeaks]
public class GeometricAugmentationTests
{
    [Fact]
    public void Nothing_done_leaves_the_image_and_nothing_to_tell()
    {
        using var scope = NewDisposeScope();
        var images = randn(2, 3, 16, 16);
        TensorAssert.SameBits(images, GeometricAugmentation.Apply(images, new GeometricTransform[2]), "images");
        Assert.All(default(GeometricTransform).Values(), v => Assert.Equal(0, v));
        // The way through the doubled resolution too.
        TensorAssert.Close(images, GeometricAugmentation.Warp(images, new GeometricTransform[2]).Result, 1e-5);
    }

    [Fact]
    public void Shifts_and_turns_do_what_they_say()
    {
        using var scope = NewDisposeScope();
        var image = Blob(cx: 9, cy: 5);
        // 0.125 · 16 = 2 pixels to the right for each unit, and down.
        Assert.Equal((11, 3), Peak(Apply(image, new() { ShiftX = 1, ShiftY = -1 })));
        Assert.Equal((6, 5), Peak(Apply(image, new() { MirrorX = true })));
        Assert.Equal((9, 10), Peak(Apply(image, new() { MirrorY = true })));
        // About the centre (7.5, 7.5): (1.5, -2.5) by half a turn.
        Assert.Equal((6, 10), Peak(Apply(image, new() { Rotation = Math.PI })));
        // Twice as large: (1.5, -2.5) → (3, -5).
        var (x, y) = Peak(Apply(image, new() { Scale = 1 / 0.2 }));
        Assert.InRange(x, 10, 11);
        Assert.InRange(y, 2, 3);
    }

    [Fact]
    public void The_result_of_an_image_does_not_depend_on_the_others()
    {
        using var scope = NewDisposeScope();
        var images = randn(5, 3, 16, 16);
        var transforms = Enumerable.Range(0, 5).Select(i => GeometricTransform.Draw(new RandomStream(4, (ulong)i), 0.9, true)).ToArray();
        var together = GeometricAugmentation.Apply(images, transforms);
        for (var i = 0; i < 5; i++)
            TensorAssert.SameBits(
                GeometricAugmentation.Apply(images.narrow(0, i, 1), [transforms[i]]),
                together.narrow(0, i, 1),
                $"image {i}"
            );
    }

    [Theory, InlineData(0.12), InlineData(0.5)]
    public void Each_part_happens_with_the_probability(double probability)
    {
        const int Count = 4000;
        var drawn = Enumerable
            .Range(0, Count)
            .Select(i => GeometricTransform.Draw(new RandomStream(1, (ulong)i), probability, true))
            .ToArray();
        Check(t => t.MirrorX, 0.5);
        Check(t => t.MirrorY, probability / 2);
        Check(t => t.Scale != 0, probability);
        Check(t => t.Rotation != 0, probability);
        Check(t => t.Anisotropy != 0, probability);
        Check(t => t.ShiftX != 0 && t.ShiftY != 0, probability);
        Assert.DoesNotContain(
            drawn.Take(50).Select((_, i) => GeometricTransform.Draw(new RandomStream(1, (ulong)i), 1, false)),
            t => t.MirrorX
        );

        void Check(Func<GeometricTransform, bool> happens, double share) =>
            Assert.InRange(drawn.Count(happens) / (double)Count, share - 0.03, share + 0.03);
    }

    private static Tensor Apply(Tensor image, GeometricTransform transform) => GeometricAugmentation.Apply(image, [transform]);

    private static Tensor Blob(int cx, int cy)
    {
        var image = zeros(1, 1, 16, 16);
        image[0, 0, cy, cx] = tensor(1f);
        foreach (var (dx, dy) in ((int, int)[])[(1, 0), (-1, 0), (0, 1), (0, -1)])
            image[0, 0, cy + dy, cx + dx] = tensor(0.6f);
        return image;
    }

    private static (int X, int Y) Peak(Tensor image)
    {
        var at = (int)image.flatten().argmax().item<long>();
        return (at % 16, at / 16);
    }
}
