namespace InvFusion.Diffusion;

/// <summary>A sample that left the finite numbers.</summary>
/// <param name="Index">Its place in the batch; in a restoration, that among all samples.</param>
/// <param name="Name">Its name, for example <c>sample 3 (seed 17)</c>.</param>
/// <param name="Sigma">Noise level at which it was seen first.</param>
public sealed record SampleFailure(int Index, string Name, double Sigma)
{
    /// <summary>One line for the user.</summary>
    public string Message => $"{Name} diverged (NaN or infinity) at σ = {Sigma:G4}";
}
