namespace InvFusion.Diffusion;

/// <summary>How far a sampler is; reported after every evaluation of the denoiser.</summary>
/// <param name="Step">The step that is running, from 1.</param>
/// <param name="Steps">Number of steps.</param>
/// <param name="Evaluations">Evaluations of the denoiser so far.</param>
/// <param name="Sigma">Noise level of the last evaluation.</param>
public readonly record struct SamplingProgress(int Step, int Steps, int Evaluations, double Sigma);
