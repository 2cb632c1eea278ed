using InvFusion.Ops.Kernels;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>The feature degradation of a <see cref="MatrixOperator"/> by <see cref="MatrixJob{T}"/>.</summary>
internal static unsafe class FusedMatrix
{
    /// <summary>Whether the tensors allow it, and the processor has the products.</summary>
    public static bool Takes(MatrixOperator op, in FeatureFusion fusion)
    {
        var grid = fusion.Grid;
        return new ImageShape(grid.Channels, grid.Height, grid.Width) == op.Image
            && (op.BatchSize == 1 || op.BatchSize == grid.Batch)
            && op.Matrix.device_type == TorchSharp.DeviceType.CPU
            && PackedMatrix.Takes(fusion.Type, grid.Width)
            && TensorMemory.Fits(fusion.Tokens, fusion.Tokens.shape)
            && TensorMemory.Fits(fusion.Output, fusion.Tokens.shape)
            && TensorMemory.Fits(fusion.Measurements, grid.Batch, 1, op.MeasurementLength);
    }

    /// <summary>Computes it.</summary>
    /// <param name="packed">H.</param>
    /// <param name="inverseGram">(HHᵀ)⁺, <c>[B or 1, O, O]</c> double.</param>
    /// <param name="fusion">What <see cref="Takes"/> takes.</param>
    public static void Run(PackedMatrix packed, Tensor inverseGram, in FeatureFusion fusion)
    {
        if (packed.Type == ScalarType.Float32)
            Run<Float32Lane>(packed, inverseGram, fusion);
        else
            Run<Bfloat16Lane>(packed, inverseGram, fusion);
    }

    private static void Run<T>(PackedMatrix packed, Tensor inverseGram, in FeatureFusion fusion)
        where T : unmanaged, ILane<T>
    {
        using var scope = NewDisposeScope();
        var (panels, length) = (packed.Panels<T>(), (int)inverseGram.shape[1]);
        var job = new MatrixJob<T>(panels, packed.Matrices == 1, fusion.Grid);
        var (batch, features) = (job.Grid.Batch, job.Grid.Features);
        var partial = empty([batch, MatrixJob<T>.Parts, features, panels.Measurements], ScalarType.Float32);
        job.Measure(TensorMemory.Floats(fusion.Tokens), TensorMemory.Floats(partial));
        var mixed = empty([job.Matrices, (long)batch * features / job.Matrices, length], ScalarType.Float32);
        job.Mix(TensorMemory.Floats(partial), TensorMemory.Floats(fusion.Measurements), length, fusion.Mix, TensorMemory.Floats(mixed));
        var solved = bmm(mixed.to_type(ScalarType.Float64), inverseGram).to_type(packed.Type);
        if (length != panels.Measurements)
            solved = nn.functional.pad(solved, [0, panels.Measurements - length]);
        job.Return((T*)TensorMemory.Address(solved), TensorMemory.Floats(fusion.Output));
    }
}
