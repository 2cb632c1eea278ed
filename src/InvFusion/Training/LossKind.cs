namespace InvFusion.Training;

/// <summary>What a network is trained for.</summary>
public enum LossKind
{
    /// <summary>A denoiser at every noise level, from which posterior samples are drawn: see <see cref="EdmLoss"/>.</summary>
    Edm,

    /// <summary>The posterior mean alone: see <see cref="MmseLoss"/>.</summary>
    Mmse,

    /// <summary>The posterior mean and its principal directions: see <see cref="NppcLoss"/>.</summary>
    Nppc,
}
