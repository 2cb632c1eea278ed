using static TorchSharp.torch;

namespace InvFusion.Evaluation.Speed;

/// <summary>x Wᵀ through libtorch: the best of these is the peak that everything else is a share of.</summary>
internal static class GemmPart
{
    // Rows of x, inputs, outputs: a cube, and the up-projections of the paper's 64×64 network at batch 16 and 4, coarsest and finest level.
    private static readonly (long Rows, long Inputs, long Outputs)[] Shapes =
    [
        (2048, 2048, 2048),
        (4096, 1536, 9216),
        (1024, 1536, 9216),
        (4096, 384, 2304),
    ];

    private static readonly (long Rows, long Inputs, long Outputs)[] QuickShapes = [(512, 512, 512), (1024, 192, 1152)];

    public static IEnumerable<SpeedCase> Cases(SpeedRequest request)
    {
        foreach (var (rows, inputs, outputs) in request.Options.Quick ? QuickShapes : Shapes)
        foreach (var (precision, type) in request.Precisions)
        {
            using var x = SpeedRequest.Normals(type, rows, inputs);
            using var weight = SpeedRequest.Normals(type, outputs, inputs);
            yield return new($"{rows}×{inputs}×{outputs}", () => nn.functional.linear(x, weight))
            {
                Precision = precision,
                MultiplyAdds = rows * inputs * outputs,
            };
        }
    }
}
