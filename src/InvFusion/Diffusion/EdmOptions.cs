namespace InvFusion.Diffusion;

/// <summary>Settings of <see cref="EdmSampler"/>, which evaluates the denoiser 2N - 1 times.</summary>
public sealed record EdmOptions : StepOptions;
