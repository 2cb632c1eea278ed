namespace InvFusion.Diffusion;

/// <summary>A range of noise levels, both ends included.</summary>
/// <param name="Low">Lowest σ.</param>
/// <param name="High">Highest σ.</param>
public readonly record struct SigmaInterval(double Low, double High);
