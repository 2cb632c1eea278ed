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
        return op.FusesBack(fusion.Image, fusion.Type)
            && (op.BatchSize == 1 || op.BatchSize == grid.Batch)
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

    /// <summary>The way back.</summary>
    /// <param name="packed">H.</param>
    /// <param name="inverseGram">(HHᵀ)⁺, <c>[B or 1, O, O]</c> double.</param>
    /// <param name="fusion">What was computed; its output takes the gradient of the tokens.</param>
    /// <param name="gradient">Of what was computed.</param>
    /// <param name="sums">Takes the gradients of W and b of each sample, <c>[B, m, m + 2]</c>, b last.</param>
    public static void RunBack(PackedMatrix packed, Tensor inverseGram, in FeatureFusion fusion, Tensor gradient, Tensor sums)
    {
        if (packed.Type == ScalarType.Float32)
            RunBack<Float32Lane>(packed, inverseGram, fusion, gradient, sums);
        else
            RunBack<Bfloat16Lane>(packed, inverseGram, fusion, gradient, sums);
    }

    private static void Run<T>(PackedMatrix packed, Tensor inverseGram, in FeatureFusion fusion)
        where T : unmanaged, ILane<T>
    {
        using var scope = NewDisposeScope();
        var (job, length) = (Job<T>(packed, fusion), (int)inverseGram.shape[1]);
        var measured = Measured(job, fusion.Tokens);
        var mixed = Entries(job, length);
        job.Mix(TensorMemory.Floats(measured), TensorMemory.Floats(fusion.Measurements), length, fusion.Mix, TensorMemory.Floats(mixed));
        Return(job, bmm(mixed.to_type(ScalarType.Float64), inverseGram), packed.Type, fusion.Output);
    }

    // Hᵀ(HHᵀ)⁺ and H turned round.
    private static void RunBack<T>(PackedMatrix packed, Tensor inverseGram, in FeatureFusion fusion, Tensor gradient, Tensor sums)
        where T : unmanaged, ILane<T>
    {
        using var scope = NewDisposeScope();
        var (job, length) = (Job<T>(packed, fusion), (int)inverseGram.shape[1]);
        var measured = Measured(job, fusion.Tokens);
        var slopes = Measured(job, gradient).sum(1, false, null).narrow(2, 0, length).to_type(ScalarType.Float64); // [B, m, O]
        var solved = bmm(slopes.reshape(job.Matrices, -1, length), inverseGram).to_type(ScalarType.Float32);
        var toMeasured = Entries(job, length);
        job.MixBack(
            TensorMemory.Floats(measured),
            TensorMemory.Floats(fusion.Measurements),
            length,
            fusion.Mix,
            TensorMemory.Floats(solved),
            TensorMemory.Floats(toMeasured),
            TensorMemory.Floats(sums)
        );
        Return(job, toMeasured, packed.Type, fusion.Output);
    }

    private static MatrixJob<T> Job<T>(PackedMatrix packed, in FeatureFusion fusion)
        where T : unmanaged, ILane<T> => new(packed.Panels<T>(), packed.Matrices == 1, fusion.Grid);

    private static Tensor Measured<T>(MatrixJob<T> job, Tensor tokens)
        where T : unmanaged, ILane<T>
    {
        var partial = empty([job.Grid.Batch, MatrixJob<T>.Parts, job.Grid.Features, job.Panels.Measurements], ScalarType.Float32);
        job.Measure(TensorMemory.Floats(tokens), TensorMemory.Floats(partial));
        return partial;
    }

    // A number for each feature and measurement, samples of one matrix together.
    private static Tensor Entries<T>(MatrixJob<T> job, int length)
        where T : unmanaged, ILane<T> =>
        empty([job.Matrices, (long)job.Grid.Batch * job.Grid.Features / job.Matrices, length], ScalarType.Float32);

    private static void Return<T>(MatrixJob<T> job, Tensor entries, ScalarType dtype, Tensor tokens)
        where T : unmanaged, ILane<T>
    {
        var typed = entries.to_type(dtype);
        var missing = job.Panels.Measurements - typed.shape[2];
        var whole = missing == 0 ? typed : nn.functional.pad(typed, [0, missing]);
        job.Return((T*)TensorMemory.Address(whole), TensorMemory.Floats(tokens));
    }
}
