namespace InvFusion.Training;

/// <summary>How gradients become steps.</summary>
public enum OptimizerKind
{
    /// <summary>Adam for every parameter.</summary>
    Adam,

    /// <summary>Muon for the matrices of the transformer layers (<see cref="LayerMatrices"/>), Adam for everything else.</summary>
    Muon,
}
