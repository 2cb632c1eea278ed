namespace InvFusion.Metrics.Features;

/// <summary>The trunks of LPIPS: five slices, whose results are compared.</summary>
/// <param name="Name">What results call it.</param>
/// <param name="Slices">The steps of each slice.</param>
internal sealed record LpipsLayout(string Name, LpipsStep[][] Slices)
{
    /// <summary>AlexNet (Krizhevsky, 2014), its convolutions.</summary>
    public static LpipsLayout Alex { get; } =
        new(
            "lpips_alex",
            [
                [new(0, 3, 64, 11, 4, 2)],
                [LpipsStep.Pool(2, 3), new(3, 64, 192, 5, 1, 2)],
                [LpipsStep.Pool(5, 3), new(6, 192, 384)],
                [new(8, 384, 256)],
                [new(10, 256, 256)],
            ]
        );

    /// <summary>VGG-16 (Simonyan and Zisserman, 2014), its convolutions.</summary>
    public static LpipsLayout Vgg { get; } =
        new(
            "lpips_vgg",
            [
                [new(0, 3, 64), new(2, 64, 64)],
                [LpipsStep.Pool(4, 2), new(5, 64, 128), new(7, 128, 128)],
                [LpipsStep.Pool(9, 2), new(10, 128, 256), new(12, 256, 256), new(14, 256, 256)],
                [LpipsStep.Pool(16, 2), new(17, 256, 512), new(19, 512, 512), new(21, 512, 512)],
                [LpipsStep.Pool(23, 2), new(24, 512, 512), new(26, 512, 512), new(28, 512, 512)],
            ]
        );

    /// <summary>Channels of what a slice gives.</summary>
    public int Channels(int slice) => Slices[slice][^1].Outputs;

    /// <summary>The slice, from 1, that torchvision's layer of this number is in; null where it is none of the trunk's.</summary>
    public int? SliceOf(int index) =>
        Slices.Index().FirstOrDefault(s => s.Item.Any(step => step.Index == index)) is { Item: not null } found ? found.Index + 1 : null;
}
