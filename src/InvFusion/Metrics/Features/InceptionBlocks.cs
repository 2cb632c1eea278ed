using static InvFusion.Metrics.Features.InceptionPool;

namespace InvFusion.Metrics.Features;

/// <summary>The blocks of Inception-v3 (Szegedy et al., 2015, figures 5 to 7 and 10), as the FID literature's 2015 graph has them.</summary>
internal static class InceptionBlocks
{
    /// <summary>On maps of 35×35.</summary>
    public static InceptionBlock A(int inputs, int pooled) =>
        new(
            InceptionBranch.Of([new("branch1x1", inputs, 64)]),
            InceptionBranch.Of(new("branch5x5_1", inputs, 48), new("branch5x5_2", 48, 64, 5, 5)),
            InceptionBranch.Of(new("branch3x3dbl_1", inputs, 64), new("branch3x3dbl_2", 64, 96, 3, 3), new("branch3x3dbl_3", 96, 96, 3, 3)),
            new(Average, [new("branch_pool", inputs, pooled)])
        );

    /// <summary>From 35×35 to 17×17.</summary>
    public static InceptionBlock B(int inputs) =>
        new(
            InceptionBranch.Of([new("branch3x3", inputs, 384, 3, 3, Stride: 2, Padded: false)]),
            InceptionBranch.Of(
                new("branch3x3dbl_1", inputs, 64),
                new("branch3x3dbl_2", 64, 96, 3, 3),
                new("branch3x3dbl_3", 96, 96, 3, 3, Stride: 2, Padded: false)
            ),
            new(Reduce, [])
        );

    /// <summary>On maps of 17×17.</summary>
    public static InceptionBlock C(int inner) =>
        new(
            InceptionBranch.Of([new("branch1x1", 768, 192)]),
            InceptionBranch.Of(
                new("branch7x7_1", 768, inner),
                new("branch7x7_2", inner, inner, 1, 7),
                new("branch7x7_3", inner, 192, 7, 1)
            ),
            InceptionBranch.Of(
                new("branch7x7dbl_1", 768, inner),
                new("branch7x7dbl_2", inner, inner, 7, 1),
                new("branch7x7dbl_3", inner, inner, 1, 7),
                new("branch7x7dbl_4", inner, inner, 7, 1),
                new("branch7x7dbl_5", inner, 192, 1, 7)
            ),
            new(Average, [new("branch_pool", 768, 192)])
        );

    /// <summary>From 17×17 to 8×8.</summary>
    public static InceptionBlock D() =>
        new(
            InceptionBranch.Of(new("branch3x3_1", 768, 192), new("branch3x3_2", 192, 320, 3, 3, Stride: 2, Padded: false)),
            InceptionBranch.Of(
                new("branch7x7x3_1", 768, 192),
                new("branch7x7x3_2", 192, 192, 1, 7),
                new("branch7x7x3_3", 192, 192, 7, 1),
                new("branch7x7x3_4", 192, 192, 3, 3, Stride: 2, Padded: false)
            ),
            new(Reduce, [])
        );

    /// <summary>On maps of 8×8. The last block takes a maximum where the one before it takes a mean: a slip of the 2015 graph that its features rest on.</summary>
    public static InceptionBlock E(int inputs, InceptionPool pool) =>
        new(
            InceptionBranch.Of([new("branch1x1", inputs, 320)]),
            new(None, [new("branch3x3_1", inputs, 384)], new("branch3x3_2a", 384, 384, 1, 3), new("branch3x3_2b", 384, 384, 3, 1)),
            new(
                None,
                [new("branch3x3dbl_1", inputs, 448), new("branch3x3dbl_2", 448, 384, 3, 3)],
                new("branch3x3dbl_3a", 384, 384, 1, 3),
                new("branch3x3dbl_3b", 384, 384, 3, 1)
            ),
            new(pool, [new("branch_pool", inputs, 192)])
        );
}
