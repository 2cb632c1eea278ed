using InvFusion.Runtime;

namespace InvFusion.Ops.Kernels;

/// <summary>
/// A feature degradation whose operator is a matrix, g = fold(Hᵀ (HHᵀ)⁺ gelu(W [y; H unfold(x)] + b)), in three passes: measuring, mixing and, behind (HHᵀ)⁺,
/// which is small, the way back. Images come from the tokens and go back to them line by line.
/// </summary>
/// <typeparam name="T">Type of the products; sums are float32.</typeparam>
/// <param name="Panels">H.</param>
/// <param name="Shared">Whether one matrix serves all samples.</param>
/// <param name="Grid">Sizes of the tokens.</param>
internal readonly record struct MatrixJob<T>(MatrixPanels<T> Panels, bool Shared, FeatureGrid Grid)
    where T : unmanaged, ILane<T>
{
    /// <summary>Into how many parts measuring divides the lines of an image, for the threads. It is the same for any number of threads, and so are the sums.</summary>
    public const int Parts = 8;

    /// <summary>Matrices that are used.</summary>
    public int Matrices => Shared ? 1 : Grid.Batch;

    /// <summary>m·O: sums of a part of a sample.</summary>
    public int Sums => Grid.Features * Panels.Measurements;

    /// <summary>The samples of a matrix.</summary>
    public (int First, int End) Samples(int matrix) => Shared ? (0, Grid.Batch) : (matrix, matrix + 1);

    /// <summary>H unfold(x), part by part.</summary>
    /// <param name="tokens">x, <c>[B, h, w, P, P, m, C]</c>.</param>
    /// <param name="partial"><c>[B, parts, m, O]</c>.</param>
    public unsafe void Measure(float* tokens, float* partial) =>
        CpuTeam.For(Matrices * Parts, 1, new MatrixMeasure<T>(this, tokens, partial));

    /// <summary>gelu(W [y; z] + b) of the sum z of all parts.</summary>
    /// <param name="partial">What measuring gave.</param>
    /// <param name="measurements">y, <c>[B, O]</c> without what fills up panels, as for <paramref name="mixed"/>.</param>
    /// <param name="length">That O.</param>
    /// <param name="mix">W and b.</param>
    /// <param name="mixed"><c>[B, m, O]</c>.</param>
    public unsafe void Mix(float* partial, float* measurements, int length, FeatureMix mix, float* mixed) =>
        CpuTeam.For(Grid.Batch, 1, new MatrixMix<T>(this, partial, measurements, length, mix, mixed));

    /// <summary>The way back through <see cref="Mix"/>.</summary>
    /// <param name="partial">What measuring gave.</param>
    /// <param name="measurements">y, <c>[B, O]</c>.</param>
    /// <param name="length">O.</param>
    /// <param name="mix">W and b.</param>
    /// <param name="slopes">The gradient of what was mixed, <c>[B, m, O]</c>.</param>
    /// <param name="toMeasured">Takes the gradient of z, <c>[B, m, O]</c>.</param>
    /// <param name="sums">Takes the gradients of W and b of each sample, <c>[B, m, m + 2]</c>, b last.</param>
    public unsafe void MixBack(
        float* partial,
        float* measurements,
        int length,
        FeatureMix mix,
        float* slopes,
        float* toMeasured,
        float* sums
    ) => CpuTeam.For(Grid.Batch, 1, new MatrixMix<T>(this, partial, measurements, length, mix, toMeasured, slopes, sums));

    /// <summary>fold(Hᵀv).</summary>
    /// <param name="v"><c>[B, m, O]</c>, with what fills up panels.</param>
    /// <param name="output"><c>[B, h, w, P, P, m, C]</c>.</param>
    public unsafe void Return(T* v, float* output) =>
        CpuTeam.For(Matrices * Grid.Height, Math.Max(1, Grid.Height / Parts), new MatrixReturn<T>(this, v, output));
}
